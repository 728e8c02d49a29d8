# SPDX-License-Identifier: Apache-2.0
# Playbooks, and the packages that they install: in the tarball as they are.
EXTRA_DIST += ansible/40_thinkube ansible/inventory ansible/roles \
	ansible/.ansible-lint ansible/.yamllint ansible/ansible.cfg \
	ansible/README.md ansible/molecule debian \
	tests/ansible/bare.py tests/ansible/conftest.py tests/ansible/keycloak.sh \
	tests/ansible/machine.py tests/ansible/requirements.txt \
	tests/ansible/test_bare.py tests/ansible/test_molecule.py \
	tests/ansible/test_playbooks.py tests/ansible/test_preflight.py tests/ansible/test_two.py

# Packages are built, checked and installed on fresh machines (root; minutes).
# The summary of the runs stays beside the build.
check-deploy: ; $(call deploy_check,$@,)
check-molecule: ; $(call deploy_check,$@,tests/ansible/test_molecule.py)
deploy_check = top_srcdir='$(abs_top_srcdir)' \
	AZIMUTH_SUMMARY='$(abs_top_builddir)/$(1).txt' \
	sh '$(top_srcdir)/tests/ansible/check.sh' $(2)
.PHONY: check-deploy check-molecule
EXTRA_DIST += tests/ansible/check.sh
EXTRA_DIST += tests/ansible/days.py tests/ansible/test_day2.py \
	tests/ansible/test_keys.py tests/ansible/test_verify.py
