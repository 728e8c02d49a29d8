# SPDX-License-Identifier: Apache-2.0
"""What a login costs: the parts of bench/gateway.py."""
