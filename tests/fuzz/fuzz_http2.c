/* SPDX-License-Identifier: Apache-2.0
 * Any bytes to the gRPC port, behind the preface unless the first byte is odd:
 * the connection answers or ends, and the next one is served. */
#include "tests/fuzz/wire_target.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    char answer[4096];
    if (size == 0 || !wire_target_is_served())
        return 0;
    int fd = wire_target_connect(WIRE_GRPC);
    if (fd < 0)
        return 0;
    if (data[0] % 2 == 1 ||
        send(fd, preface, sizeof(preface) - 1, MSG_NOSIGNAL) > 0)
        wire_target_converse(fd, data + 1, size - 1, answer);
    close(fd);
    return 0;
}
