#include "smb/share/context.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 30 * 1000 };

/* Asked only when Kerberos could not be used.  Kerberos is required, so whatever stands here is never sent. */
static void no_password(SMBCCTX *context, const char *server, const char *share, char *workgroup, int workgroup_size,
                        char *user, int user_size, char *password, int password_size) {
        if (user_size > 0)
                user[0] = '\0';
        if (password_size > 0)
                password[0] = '\0';
}

static void drop_log(void *private_data, int level, const char *message) {}

static SMBCCTX *new_context(void) {
        SMBCCTX *context = smbc_new_context();
        if (!context)
                return NULL;
        smbc_setDebug(context, 0);
        smbc_setLogCallback(context, NULL, drop_log);
        smbc_setTimeout(context, TIMEOUT_MS);
        smbc_setFunctionAuthDataWithContext(context, no_password);
        smbc_setOptionUseKerberos(context, 1);
        smbc_setOptionFallbackAfterKerberos(context, 0);
        smbc_setOptionNoAutoAnonymousLogin(context, 1);
        smbc_setOptionUseCCache(context, 0);    /* that is winbind's NTLM cache, not a Kerberos one */
        smbc_setOptionSmbEncryptionLevel(context, SMBC_ENCRYPTLEVEL_REQUIRE);
        smbc_setOptionOneSharePerServer(context, 0);
        if (!smbc_init_context(context)) {
                (void)smbc_free_context(context, 1);
                return NULL;
        }
        return context;
}

/* Runs once.  The context made here lives as long as the process: when the last context goes, libsmbclient frees
 * the process-wide configuration below the feet of a thread that is just making the next one. */
static void prepare_process(void) {
        smbc_thread_posix();
        SMBCCTX *keeper = new_context();
        if (keeper)
                (void)smbc_setOptionProtocols(keeper, "SMB3_00", "SMB3_11");
}

/* As smbc_new_context() and friends want it: the state is libsmbclient's own and one per process. */
static void prepare_process_once(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        (void)pthread_once(&once, prepare_process);
}

void share_url(const Unc *unc, char to[static SHARE_URL_MAX + 1]) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
        char text[UNC_TEXT_MAX + 1];
        size_t at = 4;

        unc_text(unc, text);
        (void)memcpy(to, "smb:", 4);
        for (const char *from = text; *from; from++) {
                if (*from == '\\')
                        to[at++] = '/';
                else if (strchr(plain, *from))
                        to[at++] = *from;
                else
                        at += (size_t)snprintf(to + at, 4, "%%%02X", (unsigned char)*from);
        }
        to[at] = '\0';
}

int share_call_begin(const char *unc, ShareCall *ret, Error *err) {
        ShareCall call = { 0 };

        if (unc_parse(unc, &call.unc, err) < 0)
                return -1;
        prepare_process_once();
        call.context = new_context();
        if (!call.context)
                return error_set(err, ERROR_INTERNAL, errno, "libsmbclient cannot make a context for \\\\%s\\%s: %s",
                                 call.unc.host, call.unc.share, strerror(errno));
        share_url(&call.unc, call.url);
        *ret = call;
        return 0;
}

void share_call_end(ShareCall *call) {
        if (call->context)
                (void)smbc_free_context(call->context, 1);
        call->context = NULL;
}

/* What libsmbclient's errno means for an administrator.  %1 is the object, the clause says what to do. */
static const struct { int number; ErrorKind kind; const char *clause; } meanings[] = {
        { ENOENT, ERROR_NOT_FOUND, "there is no such file or folder; check the path" },
        { ENODEV, ERROR_NOT_FOUND, "the server has no such share; check the share's name" },
        { ENOTDIR, ERROR_INVALID, "a part of the path is a file, not a folder; check the path" },
        { EISDIR, ERROR_INVALID, "it is a folder, not a file; check the path" },
        { EACCES, ERROR_DENIED, "the server refused this host's computer account; grant it (or the group of hosts) access "
                                "on the share and on the file, and check that the host has a Kerberos ticket" },
        { EPERM, ERROR_DENIED, "the server refused this host's computer account or its protection; check that the share "
                               "allows SMB 3 with encryption and that the host has a Kerberos ticket" },
        { EEXIST, ERROR_CONFLICT, "that name exists already; choose another name" },
        { ENOTEMPTY, ERROR_CONFLICT, "the folder is not empty; remove its contents first" },
        { EBUSY, ERROR_CONFLICT, "another host or program has it open; close it there first" },
        { ETXTBSY, ERROR_CONFLICT, "another host or program has it open; close it there first" },
        { ENOSPC, ERROR_LIMIT, "the share is full; free some space" },
        { EDQUOT, ERROR_LIMIT, "the quota of this host's computer account is used up; raise it" },
        { ENOMEM, ERROR_LIMIT, "out of memory" },
        { ECONNREFUSED, ERROR_UNREACHABLE, "the server does not answer on TCP port 445; check its name and the firewall" },
        { EHOSTUNREACH, ERROR_UNREACHABLE, "there is no way to the server; check its name, DNS and the network" },
        { ENETUNREACH, ERROR_UNREACHABLE, "there is no way to the server; check its name, DNS and the network" },
        { ECONNRESET, ERROR_UNREACHABLE, "the server closed the connection; check that it speaks SMB 3.0 or later" },
        { ECONNABORTED, ERROR_UNREACHABLE, "the server closed the connection; check that it speaks SMB 3.0 or later" },
        { EPIPE, ERROR_UNREACHABLE, "the server closed the connection; check that it speaks SMB 3.0 or later" },
        { ETIMEDOUT, ERROR_UNREACHABLE, "the server does not answer; check its name, DNS and the network" },
        { EINVAL, ERROR_DENIED, "the server and this host could not agree on Kerberos, SMB 3 and encryption; check the "
                                "server's dialects and that the host is joined to the domain" },
};

int share_error(const Unc *unc, const char *doing, int number, Error *err) {
        char text[UNC_TEXT_MAX + 1];

        unc_text(unc, text);
        for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
                if (meanings[i].number == number)
                        return error_set(err, meanings[i].kind, number, "cannot %s '%.250s': %s", doing, text,
                                         meanings[i].clause);
        return error_set(err, ERROR_INTERNAL, number, "cannot %s '%.250s': %s; look at the file server's log", doing, text,
                         strerrordesc_np(number) ? strerrordesc_np(number) : "unknown error");
}
