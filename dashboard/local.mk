# SPDX-License-Identifier: Apache-2.0
# The built page is committed, so that building the C parts needs no Node.
# Its file names carry content hashes: it is installed as a folder.
EXTRA_DIST += \
	dashboard/.gitattributes dashboard/.npmrc dashboard/README.md \
	dashboard/check.sh dashboard/dist dashboard/index.html \
	dashboard/package-lock.json dashboard/package.json dashboard/public \
	dashboard/src dashboard/test dashboard/vite.config.js

dashboarddir = $(pkgdatadir)/dashboard

install-data-local: install-dashboard
.PHONY: install-dashboard uninstall-dashboard
install-dashboard:
	$(MKDIR_P) '$(DESTDIR)$(dashboarddir)/assets'
	cd '$(top_srcdir)/dashboard/dist' && \
	for file in *.* assets/*; do \
	  $(INSTALL_DATA) "$$file" '$(DESTDIR)$(dashboarddir)'/"$$file" \
	    || exit 1; \
	done

uninstall-local: uninstall-dashboard
uninstall-dashboard:
	rm -rf '$(DESTDIR)$(dashboarddir)'
