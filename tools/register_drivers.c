/* SPDX-License-Identifier: Apache-2.0
 * The two places of a registration. In the cluster it is one server-side
 * apply: what another field manager has set otherwise is refused, not taken.
 * On a host the file appears whole or not at all. */
#include "tools/register.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 1024

static bool
object_path(const struct register_run *run, const char *query,
            char ret_path[KUBERNETES_URL_SIZE], struct fault *reterr)
{
    int size = snprintf(
        ret_path, KUBERNETES_URL_SIZE, "/api/v1/namespaces/%s/configmaps/%s%s",
        run->service.service_namespace, SERVICE_CONFIG_MAP, query);
    if (size < 0 || size >= KUBERNETES_URL_SIZE)
        return fault_usage(reterr, "--namespace is too long");
    return true;
}

static const char *
object_version(const json_t *object)
{
    const char *version = json_string_value(json_object_get(
        json_object_get(object, "metadata"), "resourceVersion"));
    return version == NULL ? "" : version;
}

/* What is there; the object is the caller's in either case. */
static bool
cluster_look(struct register_run *run, long *ret_status, json_t **ret_object,
             struct fault *reterr)
{
    char path[KUBERNETES_URL_SIZE];
    *ret_status = 0;
    *ret_object = NULL;
    if (!object_path(run, "", path, reterr))
        return false;
    struct kubernetes_call call = { "GET", path, NULL };
    return kubernetes_perform(&run->kubernetes, &call, ret_status, ret_object,
                              reterr);
}

/* Asked before, so that a run that changes nothing can say so. */
static void
version_learn(struct register_run *run)
{
    struct fault ignored;
    json_t *object;
    long status;
    if (cluster_look(run, &status, &object, &ignored))
        snprintf(run->version, sizeof(run->version), "%s",
                 object_version(object));
    json_decref(object);
}

static bool
is_ours(const json_t *object)
{
    const json_t *entry;
    size_t i;
    const json_t *fields =
        json_object_get(json_object_get(object, "metadata"), "managedFields");
    json_array_foreach(fields, i, entry)
    {
        const char *manager =
            json_string_value(json_object_get(entry, "manager"));
        if (manager != NULL && strcmp(manager, KUBERNETES_MANAGER) == 0)
            return true;
    }
    return false;
}

/* Whether what is there was written by us, once. */
static bool
was_ours(struct register_run *run)
{
    struct fault ignored;
    json_t *object;
    long status;
    bool may = cluster_look(run, &status, &object, &ignored) && is_ours(object);
    json_decref(object);
    return may;
}

static bool
cluster_patch(struct register_run *run, const json_t *wanted, bool is_forced,
              long *ret_status, json_t **ret_object, struct fault *reterr)
{
    char path[KUBERNETES_URL_SIZE];
    if (!object_path(run,
                     is_forced ? "?fieldManager=" KUBERNETES_MANAGER
                                 "&force=true"
                               : "?fieldManager=" KUBERNETES_MANAGER,
                     path, reterr))
        return false;
    struct kubernetes_call call = { "PATCH", path, wanted };
    return kubernetes_perform(&run->kubernetes, &call, ret_status, ret_object,
                              reterr);
}

/* What another has changed in our object is mended (Server-Side Apply reports it
 * as a conflict, 409); an object that another made is left alone. */
static bool
cluster_apply(struct register_run *run, bool *ret_is_changed,
              struct fault *reterr)
{
    json_t *object = NULL;
    long status = 0;
    if (run->version[0] == '\0')
        version_learn(run);
    json_t *wanted = service_config_map(&run->service, &run->text);
    if (wanted == NULL)
        return fault_set(reterr, "out of memory, or the text is no UTF-8");
    bool is_done =
        cluster_patch(run, wanted, run->is_forced, &status, &object, reterr);
    if (!is_done && status == 409 && !run->is_forced && was_ours(run)) {
        json_decref(object);
        object = NULL;
        is_done = cluster_patch(run, wanted, true, &status, &object, reterr);
    }
    if (is_done) {
        *ret_is_changed = strcmp(run->version, object_version(object)) != 0;
        snprintf(run->version, sizeof(run->version), "%s",
                 object_version(object));
    }
    json_decref(object);
    json_decref(wanted);
    return is_done;
}

static bool
cluster_remove(struct register_run *run, bool *ret_is_changed,
               struct fault *reterr)
{
    char path[KUBERNETES_URL_SIZE];
    json_t *object;
    long status;
    *ret_is_changed = false;
    if (!cluster_look(run, &status, &object, reterr))
        return status == 404;
    bool may = run->is_forced || is_ours(object);
    json_decref(object);
    if (!may)
        return fault_set(reterr,
                         "ConfigMap %s in %s was not made by us; --force "
                         "deletes it",
                         SERVICE_CONFIG_MAP, run->service.service_namespace);
    object = NULL;
    if (!object_path(run, "", path, reterr))
        return false;
    struct kubernetes_call call = { "DELETE", path, NULL };
    bool is_done =
        kubernetes_perform(&run->kubernetes, &call, &status, &object, reterr);
    json_decref(object);
    *ret_is_changed = is_done;
    return is_done || status == 404;
}

static bool
file_path(const struct register_run *run, const char *suffix,
          char ret_path[PATH_SIZE], struct fault *reterr)
{
    int size = snprintf(ret_path, PATH_SIZE, "%s/%s.yaml%s", run->to,
                        SERVICE_CONFIG_MAP, suffix);
    if (size < 0 || size >= PATH_SIZE)
        return fault_usage(reterr, "--to is too long");
    return true;
}

static bool
file_is_current(const char *path, const struct bytes *text)
{
    FILE *file = fopen(path, "re");
    bool is_equal = file != NULL;
    size_t at = 0;
    int c;
    while (is_equal && (c = fgetc(file)) != EOF) {
        is_equal = at < text->size && text->data[at] == (char)c;
        at++;
    }
    if (file != NULL)
        fclose(file);
    return is_equal && at == text->size;
}

static bool
file_apply(struct register_run *run, bool *ret_is_changed, struct fault *reterr)
{
    char path[PATH_SIZE], next[PATH_SIZE];
    if (!file_path(run, "", path, reterr) ||
        !file_path(run, ".new", next, reterr))
        return false;
    *ret_is_changed = !file_is_current(path, &run->text);
    if (!*ret_is_changed)
        return true;
    if (mkdir(run->to, 0755) != 0 && errno != EEXIST)
        return fault_set(reterr, "cannot make %s: %s", run->to,
                         strerror(errno));
    FILE *file = fopen(next, "we");
    bool is_done = file != NULL && fwrite(run->text.data, 1, run->text.size,
                                          file) == run->text.size;
    is_done = is_done && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL && fclose(file) != 0)
        is_done = false;
    if (!is_done || rename(next, path) != 0)
        return fault_set(reterr, "cannot write %s: %s", path, strerror(errno));
    return true;
}

static bool
file_remove(struct register_run *run, bool *ret_is_changed,
            struct fault *reterr)
{
    char path[PATH_SIZE];
    if (!file_path(run, "", path, reterr))
        return false;
    *ret_is_changed = unlink(path) == 0;
    if (!*ret_is_changed && errno != ENOENT)
        return fault_set(reterr, "cannot remove %s: %s", path, strerror(errno));
    return true;
}

bool
register_apply(struct register_run *run, bool *ret_is_changed,
               struct fault *reterr)
{
    if (strcmp(run->driver, "file") == 0)
        return file_apply(run, ret_is_changed, reterr);
    return cluster_apply(run, ret_is_changed, reterr);
}

bool
register_remove(struct register_run *run, bool *ret_is_changed,
                struct fault *reterr)
{
    if (strcmp(run->driver, "file") == 0)
        return file_remove(run, ret_is_changed, reterr);
    return cluster_remove(run, ret_is_changed, reterr);
}
