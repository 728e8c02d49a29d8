# SPDX-License-Identifier: Apache-2.0
"""What the programs of bench/ have in common, one job per file."""
