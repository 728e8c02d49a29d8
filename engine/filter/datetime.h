/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_DATETIME_H
#define ENGINE_FILTER_DATETIME_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads a moment as payloads and ranges write it:
 *   DATE                 midnight
 *   DATE TIME            UTC
 *   DATE TIME:SS[.F] ZONE
 * with `T`, `t` or blanks between DATE (year-month-day) and TIME (hour:minute,
 * seconds with any number of digits behind the point), and ZONE `Z`, `+HH`,
 * `+HHMM` or `+HH:MM`. Second 60 is the first one of the next minute.
 * Proleptic Gregorian; a year of more than four digits has a sign.
 *   ret_us  microseconds since 1970 UTC, fractions of one cut off
 * False for anything else. Any thread. */
bool datetime_parse(struct span text, int64_t *ret_us)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_DATETIME_H */
