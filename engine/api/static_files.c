/* SPDX-License-Identifier: Apache-2.0
 * Static files from one directory that was opened at start. Names are checked
 * segment by segment, and each step down is opened without following links,
 * so that nothing outside can be reached. */
#include "engine/api/static_files.h"

#include "engine/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".json", "application/json" },
    { ".map", "application/json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".ico", "image/x-icon" },
    { ".webp", "image/webp" },
    { ".jpg", "image/jpeg" },
    { ".woff2", "font/woff2" },
    { ".woff", "font/woff" },
    { ".wasm", "application/wasm" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".webmanifest", "application/manifest+json" },
};

int
static_open(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        log_event(LOG_LEVEL_WARN,
                  "service.static_content_dir %s: %s: /dashboard is not served",
                  directory, strerror(errno));
    return fd;
}

bool
static_is_name(struct span segment)
{
    return segment.size > 0 && segment.size <= 255 && segment.data[0] != '.' &&
           memchr(segment.data, '/', segment.size) == NULL &&
           memchr(segment.data, '\0', segment.size) == NULL;
}

const char *
static_content_type(const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t ending = strlen(types[i].ending);
        if (size > ending && strcmp(path + size - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* Opens one name below `directory_fd`; closes that unless it is `root_fd`. */
static int
step_down(int root_fd, int directory_fd, const char *name, int flags)
{
    int fd = openat(directory_fd, name,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags);
    if (directory_fd != root_fd)
        close(directory_fd);
    return fd;
}

/* The regular file at `segments`; -1 when there is none. */
static int
file_open(int root_fd, const struct span *segments, size_t count,
          uint64_t *ret_size)
{
    int fd = root_fd;
    for (size_t i = 0; i < count; i++) {
        if (!static_is_name(segments[i])) {
            if (fd != root_fd)
                close(fd);
            return -1;
        }
        /* Decoded segments are NUL-terminated. */
        fd = step_down(root_fd, fd, segments[i].data,
                       i + 1 < count ? O_DIRECTORY : 0);
        if (fd < 0)
            return -1;
    }
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        (uint64_t)info.st_size > STATIC_FILE_SIZE_MAX) {
        close(fd);
        return -1;
    }
    *ret_size = (uint64_t)info.st_size;
    return fd;
}

bool
static_is_page(const struct span *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!static_is_name(segments[i]))
            return false;
    }
    const struct span *last = &segments[count - 1];
    return memchr(last->data, '.', last->size) == NULL;
}

bool
static_serve(struct call *call)
{
    static const struct span index = { "index.html", 10 };
    const struct url_path *path = &call->path;
    enum request_method method = call->request->method;
    if (call->api->static_fd < 0 ||
        (method != REQUEST_GET && method != REQUEST_HEAD) || path->count == 0 ||
        !span_equal_text(path->segments[0], "dashboard"))
        return false;
    const struct span *segments = path->segments + 1;
    size_t count = path->count - 1;
    if (count == 0) {
        segments = &index;
        count = 1;
    }
    uint64_t size = 0;
    int fd = file_open(call->api->static_fd, segments, count, &size);
    if (fd < 0 && static_is_page(segments, count)) {
        segments = &index;
        count = 1;
        fd = file_open(call->api->static_fd, segments, count, &size);
    }
    if (fd < 0)
        return false;
    struct reply *reply = call->reply;
    const char *name = segments[count - 1].data;
    reply->file = fd;
    reply->file_size = size;
    reply->content_type = static_content_type(name);
    reply_header_add(reply, "Cache-Control",
                     count > 1 && span_equal_text(segments[0], "assets")
                         ? "public, max-age=31536000, immutable"
                         : "no-cache");
    reply_header_add(reply, "X-Content-Type-Options", "nosniff");
    reply_header_add(reply, "Referrer-Policy", "same-origin");
    reply_header_add(reply, "Content-Security-Policy", policy);
    return true;
}
