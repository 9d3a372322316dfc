#include "tests/wire/client.h"

#include <string.h>

void client_on_done(void *userdata, const Error *err) {
        Client *client = userdata;
        client->answers++;
        client->err = *err;
}

void client_on_read(void *userdata, uint32_t size, const Error *err) {
        Client *client = userdata;
        client->size = size;
        client_on_done(userdata, err);
}

static void on_opened(void *userdata, SmbFile *file, const SmbOpened *opened, const Error *err) {
        Client *client = userdata;
        client->file = file;
        client->opened = *opened;
        client_on_done(userdata, err);
}

static void on_lost(void *userdata, const Error *why) {
        Client *client = userdata;
        client->lost++;
        client->lost_err = *why;
}

static void on_broken(void *userdata, uint32_t now, bool ack_required) {
        Client *client = userdata;
        client->lease_breaks++;
        client->lease_now = now;
        client->lease_ack = ack_required;
}

void client_wait(Client *client, unsigned count) {
        while (client->answers < count)
                if (sd_event_run(client->event, 10 * 1000 * 1000) <= 0)
                        fail_msg("no answer in 10 s");
}

int client_connect(Client *client, Fake *fake, SmbProtection protection, uint64_t timeout_us) {
        SmbConfig config = {
                .host = "fs1.lab.test", .share = "vms", .protection = protection, .timeout_us = timeout_us
        };
        Error err = { 0 };
        int fd = -1;
        memset(client, 0, sizeof *client);
        fake_start(fake, &fd);
        assert_true(sd_event_new(&client->event) >= 0);
        assert_int_equal(smb_session_new(client->event, &config, &client->session, &err), 0);
        session_fake(client->session, fd, fake_take);
        smb_session_on_lost(client->session, on_lost, client);
        assert_int_equal(smb_session_connect(client->session, client_on_done, client, &err), 0);
        client_wait(client, 1);
        client->answers = 0;
        return client->err.kind == ERROR_NONE ? 0 : -1;
}

void client_open(Client *client) {
        SmbOpenHow how = { .path = "web01\\disk.raw",
                           .access = SMB_READ_DATA | SMB_WRITE_DATA,
                           .share = SMB_SHARE_READ,
                           .disposition = SMB_OPEN,
                           .lease = SMB_LEASE_READ | SMB_LEASE_HANDLE };
        Error err = { 0 };
        memset(how.lease_key, 0xAB, sizeof how.lease_key);
        assert_int_equal(smb_open(client->session, &how, on_opened, client, &err), 0);
        client_wait(client, 1);
        client->answers = 0;
        assert_string_equal(client->err.text, "");
        assert_non_null(client->file);
        smb_file_on_lease_broken(client->file, on_broken, client);
}

int client_read(Client *client, uint64_t offset, void *to, uint32_t size) {
        Error err = { 0 };
        client->answers = 0;
        assert_int_equal(smb_read(client->file, offset, to, size, client_on_read, client, &err), 0);
        client_wait(client, 1);
        return client->err.kind == ERROR_NONE ? 0 : -1;
}

int client_write(Client *client, uint64_t offset, const void *from, uint32_t size) {
        Error err = { 0 };
        client->answers = 0;
        assert_int_equal(smb_write(client->file, offset, from, size, false, client_on_done, client, &err), 0);
        client_wait(client, 1);
        return client->err.kind == ERROR_NONE ? 0 : -1;
}

void client_free(Client *client, Fake *fake) {
        smb_session_free(client->session);
        client->session = NULL;
        sd_event_unref(client->event);
        fake_stop(fake);
}
