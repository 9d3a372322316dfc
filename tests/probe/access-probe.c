/* access-probe — permissions as the product sees them, and a property test against a real file server
 *
 *      access-probe look UNC [CCACHE]                  everything below, one line each
 *      access-probe share UNC [CCACHE]                 the share's own list
 *      access-probe set UNC SDDL CCACHE                replaces the list of a file or folder
 *      access-probe property UNC ADMIN-CCACHE COUNT SEED ACCOUNT=CCACHE…
 *              generated descriptors on one file: is what we compute what the server tells each account?
 *      access-probe share-property UNC ADMIN-CCACHE COUNT SEED ACCOUNT=CCACHE…
 *              the same for the share's own list and TREE_CONNECT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "auth/directory-sids.h"
#include "smb/share/access.h"
#include "smb/share/link.h"
#include "smb/share/permissions.h"
#include "smb/share/sddl.h"
#include "smb/share/share-list.h"

enum { ACCOUNTS_MAX = 8, PARENT_EVERY = 25 };
/* Samba makes a share read-only as a whole for who may not write data. */
enum {
        SAMBA_WRITES =
                RIGHT_WRITE_DATA | RIGHT_APPEND_DATA | RIGHT_WRITE_EA | RIGHT_DELETE_CHILD | RIGHT_WRITE_ATTRIBUTES
};

typedef struct Account {
        char name[64];
        const char *ccache;
        Token token;
        ShareLink link;
} Account;

static int give_up(const Error *err) {
        (void)fprintf(stderr, "access-probe: %s\n", err->text);
        return 1;
}

static int print(const char *head, const Descriptor *d, Error *err) {
        auto_free char *text = NULL;

        if (sddl_format(d, NULL, &text, err) < 0)
                return -1;
        (void)printf("%s%s\n", head, text);
        return 0;
}

static int look(int argc, char **argv) {
        Permissions all;
        Error err = { 0 };

        if (permissions_read(argv[2], argc > 3 ? argv[3] : NULL, true, &all, &err) < 0)
                return give_up(&err);
        (void)printf("share 0x%X\n", all.share_access);
        for (size_t i = 0; i < all.count; i++) {
                const PermissionsItem *item = &all.items[i];
                Descriptor d = { 0 };
                char head[SMB_PATH_MAX + 64];
                (void)snprintf(head, sizeof head, "%s '%s' 0x%X ", item->folder ? "folder" : "file", item->path,
                               item->maximal_access);
                if (!item->bytes)
                        (void)printf("%s%s\n", head, item->why ? item->why : "no list");
                else if (descriptor_decode(item->bytes, item->size, &d, &err) < 0 || print(head, &d, &err) < 0)
                        (void)printf("%s%s\n", head, err.text);
                descriptor_done(&d);
        }
        permissions_done(&all);
        return 0;
}

static int share(int argc, char **argv) {
        Descriptor d;
        Error err = { 0 };

        if (share_list_read(argv[2], argc > 3 ? argv[3] : NULL, &d, &err) < 0 || print("", &d, &err) < 0)
                return give_up(&err);
        descriptor_done(&d);
        return 0;
}

static int set(int argc, char **argv) {
        Descriptor d;
        Error err = { 0 };

        if (argc < 5 || sddl_parse(argv[3], NULL, &d, &err) < 0 ||
            permissions_write(argv[2], argv[4], &d, &err) < 0)
                return give_up(&err);
        descriptor_done(&d);
        return 0;
}

/* ---- property ---------------------------------------------------------------------------------------- */

typedef struct Property {
        const char *unc, *admin;
        unsigned long count;
        uint64_t random;
        Account *accounts;
        unsigned account_count;
        Sid others[64]; /* whom entries may name */
        size_t other_count;
        unsigned long checks, shown, exact, granted_something, denied_something;
} Property;

static uint32_t draw(Property *p, uint32_t below) { /* xorshift64*, so that a seed tells the whole run */
        p->random ^= p->random >> 12;
        p->random ^= p->random << 25;
        p->random ^= p->random >> 27;
        return (uint32_t)((p->random * 0x2545F4914F6CDD1DULL) >> 33) % below;
}

static int token_of(Directory *directory, Account *a, Error *err) {
        auto_free DirectorySid *sids = NULL;
        size_t count;

        if (directory_groups(directory, a->name, false, &sids, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                Reader r = reader_of(sids[i].bytes, sids[i].size);
                Sid sid;
                if (!sid_read(&r, &sid))
                        return error_set(err, ERROR_PROTOCOL, 0, "a damaged SID");
                if (token_add(&a->token, &sid, err) < 0)
                        return -1;
        }
        return token_add_network(&a->token, err);
}

static void may_be_named(Property *p, const Sid *sid) {
        for (size_t i = 0; i < p->other_count; i++)
                if (sid_equal(&p->others[i], sid))
                        return;
        if (p->other_count < ARRAY_SIZE(p->others))
                p->others[p->other_count++] = *sid;
}

static int prepare(Property *p, int argc, char **argv, Error *err) {
        Machine machine;
        auto_(directory_freep) Directory *directory = NULL;
        static const char *const strangers[] = { "S-1-5-4", "S-1-5-7",  "S-1-5-18", "S-1-5-21-1-2-3-4",
                                                 "S-1-3-1", "S-1-18-2", "S-1-18-1" };

        p->unc = argv[2];
        p->admin = argv[3];
        p->count = strtoul(argv[4], NULL, 10);
        p->random = strtoull(argv[5], NULL, 10) * 2 + 1;
        if (machine_load(&machine, err) < 0 || directory_new(&machine, &directory, err) < 0)
                return -1;
        for (int i = 6; i < argc && p->account_count < ACCOUNTS_MAX; i++) {
                Account *a = &p->accounts[p->account_count++];
                char *equals = strchr(argv[i], '=');
                if (!equals)
                        return error_set(err, ERROR_INVALID, 0, "accounts are NAME=CCACHE");
                (void)snprintf(a->name, sizeof a->name, "%.*s", (int)(equals - argv[i]), argv[i]);
                a->ccache = equals + 1;
                if (token_of(directory, a, err) < 0)
                        return -1;
                for (size_t k = 0; k < a->token.count; k++)
                        may_be_named(p, &a->token.sids[k]);
        }
        may_be_named(p, &sid_owner_rights);
        may_be_named(p, &sid_creator_owner);
        may_be_named(p, &sid_administrators);
        may_be_named(p, &sid_this_organization);
        may_be_named(p, &sid_users);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                Sid sid;
                if (sid_parse(strangers[i], &sid))
                        may_be_named(p, &sid);
        }
        return 0;
}

static uint32_t draw_mask(Property *p) {
        static const uint32_t usual[] = { RIGHTS_FULL, RIGHTS_CHANGE, RIGHTS_READ, 0x120089, 0x120116, 0x3, 0x40,
                                          0x10000,     0x20000,       0x40000,     0x1,      0x2,      0x80 };
        static const uint32_t generic[] = { RIGHT_GENERIC_ALL, RIGHT_GENERIC_READ, RIGHT_GENERIC_WRITE,
                                            RIGHT_GENERIC_EXECUTE };
        switch (draw(p, 4)) {
        case 0:
                return draw(p, RIGHTS_FULL + 1) & RIGHTS_FULL;
        case 1:
                return generic[draw(p, ARRAY_SIZE(generic))];
        default:
                return usual[draw(p, ARRAY_SIZE(usual))];
        }
}

/* Any order, also one that no tool would write. */
static int draw_descriptor(Property *p, Descriptor *d, Error *err) {
        uint32_t count = draw(p, 9);

        *d = (Descriptor){ .control = DESCRIPTOR_SELF_RELATIVE | (draw(p, 3) ? 0 : DESCRIPTOR_DACL_PROTECTED) };
        d->dacl.present = true;
        d->dacl.list_given = draw(p, 40) != 0;
        if (!d->dacl.list_given)
                count = 0;
        if (!(d->dacl.aces = calloc(count + 1, sizeof *d->dacl.aces)))
                return error_oom(err);
        for (uint32_t i = 0; i < count; i++) {
                Ace *ace = &d->dacl.aces[i];
                ace->type = draw(p, 3) ? ACE_ALLOW : ACE_DENY;
                ace->flags = draw(p, 2) ? (uint8_t)draw(p, 32) : (uint8_t)0;
                ace->mask = draw_mask(p);
                ace->has_sid = true;
                ace->sid = p->others[draw(p, (uint32_t)p->other_count)];
        }
        d->dacl.count = count;
        if (draw(p, 2)) {
                d->owner = draw(p, 3) ? p->accounts[draw(p, p->account_count)].token.sids[0] : sid_administrators;
                d->has_owner = true;
        }
        return 0;
}

static int put(ShareLink *admin, SmbFile *file, const Descriptor *d, Error *err) {
        uint8_t bytes[8192];
        size_t size;

        if (descriptor_encode(d, bytes, sizeof bytes, &size, err) < 0)
                return -1;
        return smb_sync_set_security(admin->sync, file, SMB_SECURITY_DACL | (d->has_owner ? SMB_SECURITY_OWNER : 0),
                                     bytes, (uint32_t)size, err);
}

static int get(ShareLink *admin, SmbFile *file, Descriptor *ret, Error *err) {
        uint8_t bytes[DESCRIPTOR_BYTES_MAX];
        uint32_t size;

        if (smb_sync_query(admin->sync, file, SMB_INFO_SECURITY, 0, 7, bytes, sizeof bytes, &size, err) < 0)
                return -1;
        return descriptor_decode(bytes, size, ret, err);
}

static int disagree(Property *p, const Account *a, const Descriptor *d, uint32_t ours, uint32_t theirs,
                    Error *err) {
        auto_free char *text = NULL;

        if (sddl_format(d, NULL, &text, err) < 0)
                return -1;
        if (p->shown++ < 5)
                (void)printf("DIFFERS for %s: computed 0x%X, the server says 0x%X: %s\n", a->name, ours, theirs,
                             text);
        return error_set(err, ERROR_CONFLICT, 0, "computation and server differ");
}

static int compare(Property *p, const Descriptor *d, const Descriptor *parent, const char *path, Error *err) {
        int worst = 0;
        Error differs = { 0 };

        for (unsigned i = 0; i < p->account_count; i++) {
                Account *a = &p->accounts[i];
                Access access, above;
                SmbFile *file;
                SmbOpened opened;
                access_compute(d, &a->token, &access);
                access_compute(parent, &a->token, &above);
                access_add_parent(&access, parent->dacl.list_given ? above.granted : 0);
                if (!parent->dacl.list_given)
                        access.unclear |= RIGHT_DELETE & ~access.granted;
                else if (above.unclear & RIGHT_DELETE_CHILD)
                        access.unclear |= RIGHT_DELETE & ~access.granted;
                SmbOpenHow how = { .access = SMB_READ_ATTRIBUTES, .disposition = SMB_OPEN, .share = 7 };
                (void)snprintf(how.path, sizeof how.path, "%s", path);
                if (smb_sync_open(a->link.sync, &how, &file, &opened, err) < 0 ||
                    smb_sync_close(a->link.sync, file, err) < 0)
                        return -1;
                /* Samba computes nothing for a NULL list and lets everybody do everything all the same */
                if (!d->dacl.list_given) {
                        how.access = RIGHTS_CHANGE;
                        if (smb_sync_open(a->link.sync, &how, &file, NULL, err) < 0 ||
                            smb_sync_close(a->link.sync, file, err) < 0)
                                return -1;
                        opened.maximal_access = RIGHTS_FULL;
                }
                /* Samba grants ReadAttributes to everybody who gets as far as the file: [MS-FSA]'s rule without the
                 * folder */
                uint32_t ours = access.granted | RIGHT_READ_ATTRIBUTES, theirs = opened.maximal_access;
                uint32_t unclear = access.unclear & ~RIGHT_READ_ATTRIBUTES;
                p->checks++;
                p->exact += unclear == 0;
                p->granted_something += access.granted != 0;
                p->denied_something += access.granted != RIGHTS_FULL;
                if ((ours ^ theirs) & ~unclear)
                        worst = disagree(p, a, d, ours, theirs, &differs);
        }
        if (worst < 0)
                *err = differs;
        return worst;
}

static int run_property(Property *p, Error *err) {
        ShareLink admin;
        SmbFile *file, *folder;
        Unc unc, above;
        Descriptor d, parent = { 0 };
        unsigned long differing = 0;

        if (unc_parse(p->unc, &unc, err) < 0 || share_link_begin_as(p->unc, p->admin, false, &admin, err) < 0)
                return -1;
        above = unc;
        (void)unc_to_parent(&above);
        const uint32_t all = SMB_READ_CONTROL | RIGHT_WRITE_DAC | RIGHT_WRITE_OWNER;
        if (share_link_open(&admin, unc.path, all, SMB_OPEN, 0, &file, NULL, err) < 0 ||
            share_link_open(&admin, above.path, all, SMB_OPEN, 0, &folder, NULL, err) < 0)
                return -1;
        for (unsigned i = 0; i < p->account_count; i++)
                if (share_link_begin_as(p->unc, p->accounts[i].ccache, false, &p->accounts[i].link, err) < 0)
                        return -1;
        for (unsigned long n = 0; n < p->count; n++) {
                if (n % PARENT_EVERY == 0) {
                        descriptor_done(&parent);
                        if (draw_descriptor(p, &d, err) < 0 || put(&admin, folder, &d, err) < 0)
                                return -1;
                        descriptor_done(&d);
                        if (get(&admin, folder, &parent, err) < 0)
                                return -1;
                }
                if (draw_descriptor(p, &d, err) < 0 || put(&admin, file, &d, err) < 0)
                        return -1;
                descriptor_done(&d);
                if (get(&admin, file, &d, err) < 0)
                        return -1;
                if (compare(p, &d, &parent, unc.path, err) < 0) {
                        if (err->kind != ERROR_CONFLICT || ++differing == 10)
                                return -1;
                }
                descriptor_done(&d);
        }
        descriptor_done(&parent);
        for (unsigned i = 0; i < p->account_count; i++)
                share_link_end(&p->accounts[i].link);
        share_link_end(&admin);
        return differing ? error_set(err, ERROR_CONFLICT, 0, "%lu descriptors are judged otherwise by the server",
                                     differing)
                         : 0;
}

static int run_share_property(Property *p, Error *err) {
        Descriptor d, before;
        int r = 0;

        if (share_list_read(p->unc, p->admin, &before, err) < 0)
                return -1;
        for (unsigned long n = 0; n < p->count && r == 0; n++) {
                Descriptor now = { 0 };
                r = draw_descriptor(p, &d, err);
                d.has_owner = false;
                d.dacl.list_given = true; /* Samba lets nobody into a share with a NULL list */
                if (r == 0)
                        r = share_list_write(p->unc, p->admin, &d, err);
                if (r == 0)
                        r = share_list_read(p->unc, p->admin, &now, err);
                for (unsigned i = 0; i < p->account_count && r == 0; i++) {
                        Account *a = &p->accounts[i];
                        Access access;
                        uint32_t theirs = 0;
                        access_compute(&now, &a->token, &access);
                        if (!(access.granted & RIGHT_WRITE_DATA)) {
                                access.granted &= ~SAMBA_WRITES;
                                access.unclear |= access.unclear & RIGHT_WRITE_DATA ? SAMBA_WRITES : 0;
                        }
                        if (share_link_begin_as(p->unc, a->ccache, false, &a->link, err) == 0)
                                theirs = smb_sync_facts(a->link.sync)->maximal_access &
                                         0x1FFFFF; /* Samba leaves generic bits in */
                        else if (err->kind != ERROR_DENIED)
                                r = -1;
                        share_link_end(&a->link);
                        p->checks++;
                        p->granted_something += access.granted != 0;
                        p->denied_something += access.granted != RIGHTS_FULL;
                        /* nobody is let in who may neither read nor write: there is no number then */
                        p->exact += access.unclear == 0;
                        if (r == 0 && (access.granted ^ theirs) & ~access.unclear &&
                            (theirs != 0 || access.granted & 0x3))
                                r = disagree(p, a, &now, access.granted, theirs, err);
                }
                descriptor_done(&now);
                descriptor_done(&d);
        }
        Error ignored;
        if (share_list_write(p->unc, p->admin, &before, r == 0 ? err : &ignored) < 0)
                r = -1;
        descriptor_done(&before);
        return r;
}

static int property(int argc, char **argv, int (*run)(Property *p, Error *err)) {
        Property p = { .accounts = calloc(ACCOUNTS_MAX, sizeof(Account)) };
        Error err = { 0 };

        if (argc < 7 || !p.accounts) {
                (void)fprintf(stderr, "access-probe: property UNC ADMIN-CCACHE COUNT SEED ACCOUNT=CCACHE…\n");
                return 2;
        }
        if (prepare(&p, argc, argv, &err) < 0 || run(&p, &err) < 0)
                return give_up(&err);
        (void)printf("descriptors %lu accounts %u answers %lu clear %lu granting %lu withholding %lu\n", p.count,
                     p.account_count, p.checks, p.exact, p.granted_something, p.denied_something);
        free(p.accounts);
        return 0;
}

int main(int argc, char **argv) {
        const char *verb = argc > 2 ? argv[1] : "";

        if (strcmp(verb, "look") == 0)
                return look(argc, argv);
        if (strcmp(verb, "share") == 0)
                return share(argc, argv);
        if (strcmp(verb, "set") == 0)
                return set(argc, argv);
        if (strcmp(verb, "property") == 0)
                return property(argc, argv, run_property);
        if (strcmp(verb, "share-property") == 0)
                return property(argc, argv, run_share_property);
        (void)fprintf(stderr, "access-probe: look | share | set | property | share-property UNC …\n");
        return 2;
}
