/* SPDX-License-Identifier: Apache-2.0
 * azimuthd: the vector engine's process. */
#include <stdio.h>

int
main(void)
{
    puts("azimuthd");
    return 0;
}
