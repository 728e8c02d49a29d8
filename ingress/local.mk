# SPDX-License-Identifier: Apache-2.0
# Configuration for nginx and Keycloak, the appliance's parts, its sample.
EXTRA_DIST += \
	.ci/run \
	ingress/keycloak/realm.json.in \
	ingress/local/azimuthd.yaml.in ingress/local/build.sh \
	ingress/local/check.sh ingress/local/children.sh \
	ingress/local/engine.sh ingress/local/identity.sh ingress/local/keycloak.sh \
	ingress/local/machine.sh ingress/local/packages.sh \
	ingress/local/provision.sh ingress/local/rights.sh \
	ingress/local/say.sh \
	ingress/local/valkey.conf.in \
	ingress/monitoring/grafana.json ingress/monitoring/rules.yaml \
	ingress/nginx/api.conf.in ingress/nginx/keycloak.conf.in \
	ingress/nginx/nginx.conf.in ingress/nginx/proxy.conf.in \
	ingress/nginx/tls.conf.in ingress/nginx/ui.conf.in \
	share/sample/README.md share/sample/make-sample.py \
	share/sample/points-0.json.gz share/sample/points-1.json.gz \
	share/sample/points-2.json.gz share/sample/points-3.json.gz \
	share/sample/points-4.json.gz

# Its tests: run by ./appliance check.
EXTRA_DIST += tests/requirements.txt tests/appliance/conftest.py \
	tests/appliance/test_logout.py tests/appliance/test_refusals.py \
	tests/appliance/test_up.py

# Kubernetes: the chart, plain manifests made from it, add-ons, images.
EXTRA_DIST += ingress/REQUIREMENTS.md ingress/container ingress/helm \
	ingress/k8s ingress/kubeblocks
EXTRA_DIST += tests/deploy

# Builds both images and runs them (as root; the first build takes minutes).
check-images: ; $(top_srcdir)/tests/deploy/images.sh
# The chart at an API server; building that takes ten minutes, once.
# The summary of the playbooks' runs stays beside the build.
check-cluster: ; AZIMUTH_SUMMARY='$(abs_top_builddir)/check-cluster.txt' \
	$(top_srcdir)/tests/deploy/cluster.sh
.PHONY: check-images check-cluster
