# SPDX-License-Identifier: Apache-2.0
# The attack list, T1 to T52; ../local.mk has the other login tests.
EXTRA_DIST += tests/login/attacks/ATTACKS.md \
	tests/login/redirects.py tests/login/redirects.txt \
	tests/login/attacks/__init__.py tests/login/attacks/conftest.py \
	tests/login/attacks/forge.py tests/login/attacks/site.py \
	tests/login/attacks/wire.py \
	tests/login/attacks/test_callback.py \
	tests/login/attacks/test_claims.py \
	tests/login/attacks/test_cookie.py tests/login/attacks/test_cors.py \
	tests/login/attacks/test_headers.py tests/login/attacks/test_life.py \
	tests/login/attacks/test_logs.py \
	tests/login/attacks/test_memory.py tests/login/attacks/test_methods.py \
	tests/login/attacks/test_paths.py \
	tests/login/attacks/test_provider.py \
	tests/login/attacks/test_redirects.py \
	tests/login/attacks/test_settings.py tests/login/attacks/test_state.py \
	tests/login/attacks/test_store.py tests/login/attacks/test_tokens.py
