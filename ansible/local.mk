# SPDX-License-Identifier: Apache-2.0
# Playbooks, and the packages that they install: in the tarball as they are.
EXTRA_DIST += ansible/40_thinkube ansible/inventory ansible/roles \
	ansible/.ansible-lint ansible/.yamllint ansible/ansible.cfg \
	ansible/README.md debian \
	tests/ansible/conftest.py tests/ansible/keycloak.sh \
	tests/ansible/machine.py tests/ansible/requirements.txt \
	tests/ansible/test_bare.py tests/ansible/test_playbooks.py

# Packages are built, checked and installed on a fresh machine (root; minutes).
check-deploy:
	top_srcdir='$(abs_top_srcdir)' sh '$(top_srcdir)/tests/ansible/check.sh'
.PHONY: check-deploy
EXTRA_DIST += tests/ansible/check.sh
EXTRA_DIST += tests/ansible/test_keys.py tests/ansible/test_verify.py
