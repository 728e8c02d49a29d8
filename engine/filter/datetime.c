/* SPDX-License-Identifier: Apache-2.0
 * Dates and times of payloads. As lenient as the reference: single digits and
 * blanks before a number are fine, other orders and calendars are not. */
#include "engine/filter/datetime.h"

#define YEAR_MAX 262142 /* of the reference */

struct reader {
    const char *at;
    const char *end;
};

static bool
is_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool
skip(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool
skip_blanks(struct reader *reader)
{
    const char *begin = reader->at;
    while (reader->at < reader->end &&
           (*reader->at == ' ' || (*reader->at >= '\t' && *reader->at <= '\r')))
        reader->at++;
    return reader->at > begin;
}

/* At most `digits_max` digits, at least one. */
static bool
read_number(struct reader *reader, int digits_max, int64_t *ret_number)
{
    int64_t number = 0;
    int digits = 0;
    skip_blanks(reader);
    for (; digits < digits_max && is_digit(reader); digits++)
        number = number * 10 + (*reader->at++ - '0');
    *ret_number = number;
    return digits > 0;
}

static bool
read_year(struct reader *reader, int64_t *ret_year)
{
    skip_blanks(reader);
    bool is_negative = skip(reader, '-');
    bool has_sign = is_negative || skip(reader, '+');
    if (!is_digit(reader) || !read_number(reader, has_sign ? 7 : 4, ret_year))
        return false;
    if (is_negative)
        *ret_year = -*ret_year;
    return *ret_year >= -YEAR_MAX && *ret_year <= YEAR_MAX;
}

static bool
is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t
days_in(int64_t year, int64_t month)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30,
                                          31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. Years begin in March here, so that the leap day is
 * the last one of its year. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t month_of_year = (month + 9) % 12;
    int64_t day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool
read_date(struct reader *reader, int64_t *ret_days)
{
    int64_t year, month, day;
    if (!read_year(reader, &year) || !skip(reader, '-') ||
        !read_number(reader, 2, &month) || !skip(reader, '-') ||
        !read_number(reader, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    *ret_days = days_of(year, month, day);
    return true;
}

/* Digits behind the point, of which six count. */
static bool
read_fraction(struct reader *reader, int64_t *us)
{
    if (!is_digit(reader))
        return false;
    for (int64_t unit = 100000; is_digit(reader); unit /= 10)
        *us += unit * (*reader->at++ - '0');
    return true;
}

/* *ret_may_zone: a zone may follow. */
static bool
read_time(struct reader *reader, int64_t *ret_us, bool *ret_may_zone)
{
    int64_t hour, minute, second = 0, us = 0;
    if (!read_number(reader, 2, &hour) || !skip(reader, ':') ||
        !read_number(reader, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_may_zone = skip(reader, ':');
    if (*ret_may_zone && (!read_number(reader, 2, &second) || second > 60 ||
                          (skip(reader, '.') && !read_fraction(reader, &us))))
        return false;
    *ret_us = ((hour * 60 + minute) * 60 + second) * 1000000 + us;
    return true;
}

/* Two digits, no blanks. */
static bool
read_pair(struct reader *reader, int64_t *ret_number)
{
    return is_digit(reader) && reader->end - reader->at >= 2 &&
           reader->at[1] >= '0' && reader->at[1] <= '9' &&
           read_number(reader, 2, ret_number);
}

static bool
read_zone(struct reader *reader, int64_t *ret_us)
{
    int64_t hours, minutes = 0;
    *ret_us = 0;
    skip_blanks(reader);
    if (skip(reader, 'Z') || skip(reader, 'z'))
        return true;
    bool is_negative = skip(reader, '-');
    if ((!is_negative && !skip(reader, '+')) || !read_pair(reader, &hours))
        return false;
    bool has_colon = skip(reader, ':');
    if ((has_colon || reader->at < reader->end) && !read_pair(reader, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *ret_us = (hours * 60 + minutes) * 60000000 * (is_negative ? -1 : 1);
    return true;
}

bool
datetime_parse(struct span text, int64_t *ret_us)
{
    struct reader reader = { text.data, text.data + text.size };
    int64_t days, us = 0, zone_us = 0;
    bool may_zone = false;
    if (text.size == 0 || !read_date(&reader, &days))
        return false;
    if (reader.at < reader.end) {
        if (!skip(&reader, 'T') && !skip(&reader, 't') && !skip_blanks(&reader))
            return false;
        if (!read_time(&reader, &us, &may_zone))
            return false;
    }
    if (reader.at < reader.end &&
        (!may_zone || !read_zone(&reader, &zone_us) || reader.at < reader.end))
        return false;
    *ret_us = days * INT64_C(86400000000) + us - zone_us;
    return true;
}
