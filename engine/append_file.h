/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_APPEND_FILE_H
#define ENGINE_APPEND_FILE_H

#include <stdbool.h>

/* Files that lines are appended to. The descriptor of one keeps its number for
 * the life of the process: a rotation puts the new file under it (dup2), so no
 * thread can write to a closed one. errno tells what failed. Any thread. */

/* Opens or makes it (0640); -1: it cannot be.
 *   is_regular  anything else is refused (EINVAL), and never waited for */
int append_file_open(const char *path, bool is_regular);

/* Puts the file that was just opened as `fd`, which may be -1, in the place of
 * the one that `kept` is; `fd` is closed. False: that stays in use. */
bool append_file_turn(int fd, int kept);

#endif /* ENGINE_APPEND_FILE_H */
