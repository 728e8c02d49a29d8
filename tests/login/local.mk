# SPDX-License-Identifier: Apache-2.0
# The login: nginx with the module, Valkey and a scripted provider, by pytest.
EXTRA_DIST += \
	tests/login/__init__.py tests/login/conftest.py \
	tests/login/authority.py tests/login/gateway.py tests/login/liar.py \
	tests/login/crowd.py tests/login/provider.py \
	tests/login/test_chaos.py tests/login/test_chaos_nginx.py \
	tests/login/test_transport.py \
	tests/login/test_access.py tests/login/test_bearer.py \
	tests/login/test_believed.py tests/login/test_require.py \
	tests/login/test_client.py tests/login/test_config.py \
	tests/login/test_documents.py tests/login/test_fetch.py \
	tests/login/test_fragment.py \
	tests/login/test_failure.py tests/login/test_login.py \
	tests/login/test_logout.py tests/login/test_sessions.py \
	tests/login/test_providers.py tests/login/test_refresh.py \
	tests/login/test_revocation.py tests/login/test_rights.py \
	tests/login/test_store.py tests/login/test_edge.py \
	tests/login/test_metrics.py tests/login/test_manners.py \
	tests/login/test_door.py tests/login/test_flood.py \
	tests/login/test_seams.py \
	tests/login/test_tabs.py
