# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2086
command_check() { die "not yet"; }
command_bench() { die "not yet"; }
