/* SPDX-License-Identifier: Apache-2.0
 * Whether the ports can be had, and who has them if not. */
#include "tools/doctor.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOLDER_SIZE 128

/* The inode of the listening socket, or 0. */
static unsigned long
listener_inode(const char *table, uint64_t port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");
    while (file != NULL && found == 0 &&
           fgets(line, sizeof(line), file) != NULL) {
        unsigned local = 0, state = 0;
        unsigned long inode = 0;
        if (sscanf(line,
                   " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s "
                   "%*s %*s %*s %lu",
                   &local, &state, &inode) == 3 &&
            local == port && state == 0x0A)
            found = inode;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool
process_has(const char *pid, const char *link)
{
    char folder[300], path[600], target[64];
    struct dirent *entry;
    bool is_found = false;
    snprintf(folder, sizeof(folder), "/proc/%s/fd", pid);
    DIR *all = opendir(folder);
    while (all != NULL && !is_found && (entry = readdir(all)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        ssize_t size = readlink(path, target, sizeof(target) - 1);
        if (size <= 0)
            continue;
        target[size] = '\0';
        is_found = strcmp(target, link) == 0;
    }
    if (all != NULL)
        closedir(all);
    return is_found;
}

/* "NAME (pid N)" of who listens, or what is known of it. */
static void
holder_name(uint64_t port, char ret_name[HOLDER_SIZE])
{
    char link[64], path[300], command[64] = "";
    struct dirent *entry;
    unsigned long inode = listener_inode("/proc/net/tcp", port);
    if (inode == 0)
        inode = listener_inode("/proc/net/tcp6", port);
    snprintf(ret_name, HOLDER_SIZE, "a process of another user");
    snprintf(link, sizeof(link), "socket:[%lu]", inode);
    DIR *all = inode == 0 ? NULL : opendir("/proc");
    while (all != NULL && (entry = readdir(all)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
            !process_has(entry->d_name, link))
            continue;
        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file != NULL && fgets(command, sizeof(command), file) != NULL)
            command[strcspn(command, "\n")] = '\0';
        if (file != NULL)
            fclose(file);
        snprintf(ret_name, HOLDER_SIZE, "%.60s (pid %.20s)", command,
                 entry->d_name);
        break;
    }
    if (all != NULL)
        closedir(all);
}

/* 0, or errno of what failed. */
static int
try_port(const char *host, uint64_t port)
{
    char service[24];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    int one = 1, reason = 0;
    snprintf(service, sizeof(service), "%" PRIu64, port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return EADDRNOTAVAIL;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        reason = errno;
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
            listen(fd, 1) != 0)
            reason = errno;
        close(fd);
    }
    freeaddrinfo(found);
    return reason;
}

static void
check_port(struct doctor *doctor, const char *check, const char *key,
           uint64_t port)
{
    char holder[HOLDER_SIZE], advice[160];
    int reason = try_port(doctor->host, port);
    if (reason == EADDRINUSE) {
        holder_name(port, holder);
        bool is_ours = strncmp(holder, "azimuthd ", 9) == 0;
        snprintf(advice, sizeof(advice),
                 "stop that process, or set service.%s to another port", key);
        doctor_say(
            doctor,
            is_ours && doctor->expects_engine ? FINDING_OK : FINDING_FAIL,
            check, advice, "port %" PRIu64 " is in use by %s", port, holder);
    } else if (reason == EACCES) {
        doctor_say(doctor, FINDING_FAIL, check, "choose one above 1023",
                   "port %" PRIu64 " is for root alone", port);
    } else if (reason != 0) {
        doctor_say(doctor, FINDING_FAIL, check,
                   "set service.host to an address of this machine",
                   "%s port %" PRIu64 ": %s", doctor->host, port,
                   strerror(reason));
    } else if (doctor->expects_engine) {
        doctor_say(doctor, FINDING_FAIL, check,
                   "start the engine: systemctl start azimuth-engine",
                   "nobody listens on port %" PRIu64, port);
    } else {
        doctor_say(doctor, FINDING_OK, check, NULL, "port %" PRIu64 " is free",
                   port);
    }
}

void
doctor_ports(struct doctor *doctor)
{
    check_port(doctor, "REST port", "http_port", doctor->http_port);
    check_port(doctor, "gRPC port", "grpc_port", doctor->grpc_port);
}
