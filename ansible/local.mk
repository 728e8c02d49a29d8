# SPDX-License-Identifier: Apache-2.0
# Playbooks, and the packages that they install: in the tarball as they are.
EXTRA_DIST += ansible/40_thinkube ansible/inventory ansible/roles \
	ansible/.ansible-lint ansible/.yamllint ansible/ansible.cfg \
	ansible/README.md debian
