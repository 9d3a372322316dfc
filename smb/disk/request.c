#include "smb/disk/request.h"

void request_answer(Request *request, int error) {
        request->error = error;
        request->answered(request);
}

uint32_t request_next_part(uint64_t size, uint64_t sent, uint32_t most) {
        uint64_t left = size - sent;
        return left < most ? (uint32_t)left : most;
}

void list_init(RequestList *list) {
        list->first = NULL;
        list->last = &list->first;
}

void list_push(RequestList *list, Request *request) {
        request->next = NULL;
        *list->last = request;
        list->last = &request->next;
}

Request *list_pop(RequestList *list) {
        Request *request = list->first;
        if (request && !(list->first = request->next))
                list->last = &list->first;
        return request;
}

void list_withdraw(RequestList *list, const void *client, RequestList *taken) {
        RequestList all = *list;

        if (!all.first)
                return;
        list_init(list);
        for (Request *r; (r = list_pop(&all));)
                list_push(r->client == client ? taken : list, r);
}
