/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_TIMESTAMP_H
#define ENGINE_CODEC_TIMESTAMP_H

#include <stdint.h>

/* Moments as RFC 3339 writes them, in UTC. Any thread. */

#define TIMESTAMP_SIZE 40 /* of any, with NUL */

/* 2026-11-28T04:15:42, without a zone: as Qdrant writes some. */
void timestamp_plain(int64_t seconds, char ret_text[TIMESTAMP_SIZE]);

/* 2026-11-28T04:15:42Z */
void timestamp_seconds(int64_t seconds, char ret_text[TIMESTAMP_SIZE]);

/* 2026-11-28T04:15:42.120Z */
void timestamp_ms(uint64_t ms, char ret_text[TIMESTAMP_SIZE]);

#endif /* ENGINE_CODEC_TIMESTAMP_H */
