#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the kernel room and its unit tests for aarch64 and runs them under
# qemu: once as a CPU without dot products, once as one with. Skipped where no
# cross compiler or no qemu is (Debian: gcc-aarch64-linux-gnu
# libc6-dev-arm64-cross qemu-user).
cd "${top_srcdir:-.}" || exit 99
cc=aarch64-linux-gnu-gcc
command -v $cc >/dev/null && command -v qemu-aarch64 >/dev/null || exit 77
echo 'int main(void) { return 0; }' | $cc -static -x c -o /dev/null - || exit 77
out=$(mktemp -d) || exit 99
trap 'rm -rf "$out"' EXIT
for file in engine/kernel/*.c engine/error.c; do
    $cc -c -O2 -std=gnu11 -Wall -Wextra -Werror -I. \
        -o "$out/$(basename "$file" .c).o" "$file" || exit 1
done
for test in tests/unit/engine/kernel/test_*.c; do
    program=$out/$(basename "$test" .c)
    $cc -O2 -std=gnu11 -Itests/aarch64 -I. -static -o "$program" "$test" \
        "$out"/*.o -lm || exit 1
    for cpu in cortex-a72 cortex-a76; do
        qemu-aarch64 -cpu $cpu "$program" >"$out/log" 2>&1 || {
            echo "$test fails as $cpu:"
            tail -n 5 "$out/log"
            exit 1
        }
    done
done
