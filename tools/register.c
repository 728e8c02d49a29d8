/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl register and deregister: the ConfigMap of service discovery, made
 * once, or looked after as long as the process lives. */
#include "tools/register.h"
#include "tools/command.h"
#include "tools/options.h"

#include <errno.h>
#include <stdio.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TO_DEFAULT  "/var/lib/azimuth-discovery"
#define WATCH_S_MAX 86400u
#define PORT_MAX    65535u
#define TRIES_MAX   100u

static const char help[] =
    "usage: azimuthctl register|deregister [OPTIONS]\n\n"
    "Writes (or deletes) the ConfigMap " SERVICE_CONFIG_MAP ", by which\n"
    "Thinkube finds the service; on a host without a cluster, a file of that\n"
    "name.\n\n"
    "  --domain DOMAIN        the hosts are NAME-dashboard.DOMAIN and "
    "NAME.DOMAIN\n"
    "  --name NAME            (qdrant)\n"
    "  --namespace NAME       (the pod's own; else qdrant)\n"
    "  --dashboard-url URL, --api-url URL, --internal-host HOST\n"
    "                         where they are not made of the names above\n"
    "  --http-port N, --grpc-port N\n"
    "                         of the internal host (6333, 6334)\n"
    "  --component-version V  (0.1.0)\n"
    "  --service-file FILE    a service.yaml of your own instead\n"
    "  --driver NAME          kubernetes or file (kubernetes inside of a pod)\n"
    "  --to DIR               of the driver file (" TO_DEFAULT ")\n"
    "  --watch SECONDS        stay, look every SECONDS, mend what was changed\n"
    "  --deregister-at-end    with --watch: when it is told to end\n"
    "  --force                also what another owner has set\n"
    "  --print                only show service.yaml\n"
    "  --kube-url URL, --account-dir DIR, --tries N\n"
    "                         the API server, where it is not the pod's\n";

static volatile sig_atomic_t is_ending;

static void
on_end(int number)
{
    (void)number;
    is_ending = 1;
}

/* A signal ends the wait. */
static void
watch_wait(uint64_t seconds)
{
    struct timespec left = { .tv_sec = (time_t)seconds };
    while (!is_ending && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static bool
apply_once(struct register_run *run, bool is_quiet, struct fault *reterr)
{
    bool is_changed = false;
    if (!service_text(&run->service, &run->text, reterr) ||
        !register_apply(run, &is_changed, reterr))
        return false;
    if (is_changed || !is_quiet) {
        printf("%s: %s\n", SERVICE_CONFIG_MAP,
               is_changed ? "registered" : "was registered already");
        fflush(stdout);
    }
    return true;
}

/* What goes wrong is told once, and tried again at the next look. */
static bool
watch(struct register_run *run, struct fault *reterr)
{
    struct sigaction action = { .sa_handler = on_end };
    bool was_wrong = false, is_changed = false;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (!is_ending) {
        bool is_done = apply_once(run, true, reterr);
        if (!is_done && reterr->status == EXIT_USAGE)
            return false;
        if (!is_done && !was_wrong)
            (void)fault_report(reterr);
        was_wrong = !is_done;
        watch_wait(run->watch_s);
    }
    return !run->ends_with_deregister ||
           register_remove(run, &is_changed, reterr);
}

static bool
run_register(struct register_run *run, struct fault *reterr)
{
    if (run->is_printed) {
        if (!service_text(&run->service, &run->text, reterr))
            return false;
        fwrite(run->text.data, 1, run->text.size, stdout);
        return true;
    }
    return run->watch_s > 0 ? watch(run, reterr)
                            : apply_once(run, false, reterr);
}

static bool
run_deregister(struct register_run *run, struct fault *reterr)
{
    bool is_changed = false;
    if (!register_remove(run, &is_changed, reterr))
        return false;
    printf("%s: %s\n", SERVICE_CONFIG_MAP,
           is_changed ? "deregistered" : "was not registered");
    return true;
}

/* Chooses the driver and what hangs on it. */
static bool
prepare(struct register_run *run, struct fault *reterr)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    if (run->driver == NULL)
        run->driver = (host != NULL && *host != '\0') ||
                              run->kubernetes_options.url != NULL
                          ? "kubernetes"
                          : "file";
    bool is_file = strcmp(run->driver, "file") == 0;
    if (!is_file && strcmp(run->driver, "kubernetes") != 0)
        return fault_usage(reterr,
                           "--driver: '%s' is neither kubernetes nor "
                           "file",
                           run->driver);
    if (!is_file && !run->is_printed &&
        !kubernetes_open(&run->kubernetes, &run->kubernetes_options, reterr))
        return false;
    if (run->service.service_namespace == NULL)
        run->service.service_namespace =
            run->kubernetes.account_namespace[0] != '\0'
                ? run->kubernetes.account_namespace
                : "qdrant";
    return true;
}

static int
command(int argc, char **argv,
        bool (*act)(struct register_run *run, struct fault *reterr))
{
    struct fault fault = { .status = EXIT_FAILED };
    struct register_run run = { .to = TO_DEFAULT };
    run.service.name = "qdrant";
    run.service.component_version = "0.1.0";
    run.service.http_port = 6333;
    run.service.grpc_port = 6334;
    const struct option_spec specs[] = {
        { "domain", OPTION_TEXT, &run.service.domain, 0 },
        { "name", OPTION_TEXT, &run.service.name, 0 },
        { "namespace", OPTION_TEXT, &run.service.service_namespace, 0 },
        { "dashboard-url", OPTION_TEXT, &run.service.dashboard_url, 0 },
        { "api-url", OPTION_TEXT, &run.service.api_url, 0 },
        { "internal-host", OPTION_TEXT, &run.service.internal_host, 0 },
        { "component-version", OPTION_TEXT, &run.service.component_version, 0 },
        { "http-port", OPTION_COUNT, &run.service.http_port, PORT_MAX },
        { "grpc-port", OPTION_COUNT, &run.service.grpc_port, PORT_MAX },
        { "service-file", OPTION_TEXT, &run.service.file, 0 },
        { "driver", OPTION_TEXT, &run.driver, 0 },
        { "to", OPTION_TEXT, &run.to, 0 },
        { "watch", OPTION_COUNT, &run.watch_s, WATCH_S_MAX },
        { "deregister-at-end", OPTION_FLAG, &run.ends_with_deregister, 0 },
        { "force", OPTION_FLAG, &run.is_forced, 0 },
        { "print", OPTION_FLAG, &run.is_printed, 0 },
        { "kube-url", OPTION_TEXT, &run.kubernetes_options.url, 0 },
        { "account-dir", OPTION_TEXT, &run.kubernetes_options.account_dir, 0 },
        { "tries", OPTION_COUNT, &run.kubernetes_options.tries, TRIES_MAX },
    };
    struct options options = {
        specs, sizeof(specs) / sizeof(specs[0]), { NULL }, 0, false
    };
    bytes_init(&run.text, SERVICE_TEXT_SIZE_MAX);
    bool is_done = options_parse(&options, argc, argv, &fault);
    if (is_done && options.wants_help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (is_done && options.words_count > 0)
        is_done = fault_usage(&fault, "what is '%s'?", options.words[0]);
    is_done = is_done && prepare(&run, &fault) && act(&run, &fault);
    kubernetes_close(&run.kubernetes);
    bytes_release(&run.text);
    return is_done ? EXIT_DONE : fault_report(&fault);
}

int
command_register(int argc, char **argv)
{
    return command(argc, argv, run_register);
}

int
command_deregister(int argc, char **argv)
{
    return command(argc, argv, run_deregister);
}
