/*
 * fetch_queue.c - what is to be fetched and what is under way.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "fetch_queue.h"

/* A power of two near TV_FETCHES_MAX. */
#define BUCKETS 1024

/* A frame's id: a place among those sent, and above it a number that no late answer can repeat. */
#define PLACE_BITS 8
StaticAssertDecl(TV_FETCHES_SENT_MAX == 1 << PLACE_BITS, "places of fetches under way");

static dlist_head buckets[BUCKETS];
static dlist_head readers, refreshes, sent;
static TvFetch *places[TV_FETCHES_SENT_MAX];
static int fetches, waiting_refreshes, sent_count, sent_background;
static uint64 next_number = 1;

void tv_fetches_init(void)
{
    for (int i = 0; i < BUCKETS; i++)
        dlist_init(&buckets[i]);
    dlist_init(&readers);
    dlist_init(&refreshes);
    dlist_init(&sent);
}

bool tv_fetches_room(void)
{
    return fetches < TV_FETCHES_MAX;
}

int tv_fetches_sent(void)
{
    return sent_count;
}

/* ---- finding ---- */

static dlist_head *bucket_of(const TvKey *key)
{
    return &buckets[key->hash % BUCKETS];
}

static bool same_key(const TvKey *a, const TvKey *b)
{
    return a->hash == b->hash && a->kind == b->kind && a->wanted_version == b->wanted_version &&
           a->scope_len == b->scope_len && a->name_len == b->name_len &&
           memcmp(a->scope, b->scope, a->scope_len) == 0 &&
           memcmp(a->name, b->name, a->name_len) == 0;
}

static TvFetch *find(const TvKey *key)
{
    dlist_iter iter;

    dlist_foreach (iter, bucket_of(key)) {
        TvFetch *fetch = dlist_container(TvFetch, same_bucket, iter.cur);

        if (same_key(&fetch->key, key))
            return fetch;
    }
    return NULL;
}

TvFetch *tv_fetch_by_id(uint64 id)
{
    TvFetch *fetch = places[id % TV_FETCHES_SENT_MAX];

    return fetch != NULL && fetch->id == id ? fetch : NULL;
}

TvFetch *tv_fetch_sent_for(const TvKey *key)
{
    TvFetch *fetch = find(key);

    return fetch != NULL && fetch->id != 0 ? fetch : NULL;
}

TvFetch *tv_fetch_oldest_sent(void)
{
    return dlist_is_empty(&sent) ? NULL : dlist_head_element(TvFetch, list, &sent);
}

/* ---- putting in ---- */

static TvFetch *new_fetch(const TvKey *key)
{
    TvFetch *fetch = MemoryContextAllocZero(TopMemoryContext, offsetof(TvFetch, text) +
                                                                  key->scope_len + key->name_len);

    memcpy(fetch->text, key->scope, key->scope_len);
    memcpy(fetch->text + key->scope_len, key->name, key->name_len);
    fetch->key = *key;
    fetch->key.scope = fetch->text;
    fetch->key.name = fetch->text + key->scope_len;
    dlist_push_tail(bucket_of(key), &fetch->same_bucket);
    fetches++;
    return fetch;
}

static void enqueue(TvFetch *fetch)
{
    dlist_push_tail(fetch->background ? &refreshes : &readers, &fetch->list);
    if (fetch->background)
        waiting_refreshes++;
}

static void dequeue(TvFetch *fetch)
{
    dlist_delete(&fetch->list);
    if (fetch->id == 0) {
        if (fetch->background)
            waiting_refreshes--;
        return;
    }
    places[fetch->id % TV_FETCHES_SENT_MAX] = NULL;
    fetch->id = 0;
    sent_count--;
    if (fetch->background)
        sent_background--;
}

/* Somebody waits for it now. */
static void promote(TvFetch *fetch, vc_msec deadline)
{
    if (!fetch->background)
        return;
    if (fetch->id != 0) {
        sent_background--;
        fetch->background = false;
        return;
    }
    dequeue(fetch);
    fetch->background = false;
    fetch->deadline = deadline;
    enqueue(fetch);
}

void tv_fetch_want(const TvKey *key, bool refresh, uint64 ticket, vc_msec deadline)
{
    TvFetch *fetch = find(key);

    if (fetch == NULL) {
        fetch = new_fetch(key);
        fetch->anew = refresh;
        fetch->deadline = deadline;
        enqueue(fetch);
        return;
    }
    promote(fetch, deadline);
    if (fetch->id == 0) {
        fetch->anew |= refresh;
        fetch->deadline = Max(fetch->deadline, deadline);
    }
    if (refresh && fetch->id != 0 && fetch->started_ticket < ticket) {
        fetch->again_ticket = Max(fetch->again_ticket, ticket);
        fetch->again_deadline = Max(fetch->again_deadline, deadline);
    }
}

bool tv_fetch_refresh(const TvKey *key, vc_msec deadline)
{
    int max = tv_outage_now(vc_now()) ? TV_BACKGROUND_OUTAGE_MAX : TV_BACKGROUND_MAX;
    TvFetch *fetch;

    if (waiting_refreshes + sent_background >= max || !tv_fetches_room())
        return false;
    if (find(key) != NULL)
        return true;
    fetch = new_fetch(key);
    fetch->background = true;
    fetch->deadline = deadline;
    enqueue(fetch);
    return true;
}

/* ---- sending ---- */

static TvFetch *first_ready(dlist_head *list, vc_msec now)
{
    dlist_iter iter;

    dlist_foreach (iter, list) {
        TvFetch *fetch = dlist_container(TvFetch, list, iter.cur);

        if (fetch->not_before <= now)
            return fetch;
    }
    return NULL;
}

TvFetch *tv_fetch_next(vc_msec now)
{
    TvFetch *fetch;

    if (sent_count >= TV_FETCHES_SENT_MAX)
        return NULL;
    fetch = first_ready(&readers, now);
    if (fetch == NULL && sent_background < TV_BACKGROUND_SENT_MAX)
        fetch = first_ready(&refreshes, now);
    return fetch;
}

static int free_place(void)
{
    for (int i = 0; i < TV_FETCHES_SENT_MAX; i++) {
        if (places[i] == NULL)
            return i;
    }
    elog(ERROR, "more fetches under way than there can be");
}

void tv_fetch_sent(TvFetch *fetch, vc_msec now)
{
    int place = free_place();

    dequeue(fetch);
    fetch->id = next_number++ << PLACE_BITS | place;
    places[place] = fetch;
    dlist_push_tail(&sent, &fetch->list);
    sent_count++;
    if (fetch->background)
        sent_background++;
    fetch->started_ticket = tv_next_ticket();
    fetch->started_at = now;
}

static TvFetch *first_over(dlist_head *list, vc_msec now, bool all)
{
    dlist_iter iter;

    dlist_foreach (iter, list) {
        TvFetch *fetch = dlist_container(TvFetch, list, iter.cur);

        if (all || fetch->deadline <= now)
            return fetch;
    }
    return NULL;
}

TvFetch *tv_fetch_waiting_over(vc_msec now, bool all)
{
    TvFetch *fetch = first_over(&readers, now, all);

    return fetch != NULL ? fetch : first_over(&refreshes, now, all);
}

vc_msec tv_fetch_held_until(vc_msec now)
{
    vc_msec first = 0;
    dlist_iter iter;

    dlist_foreach (iter, &readers) {
        TvFetch *fetch = dlist_container(TvFetch, list, iter.cur);

        if (fetch->not_before > now && (first == 0 || fetch->not_before < first))
            first = fetch->not_before;
    }
    return first;
}

void tv_fetch_put_back(TvFetch *fetch, vc_msec not_before)
{
    dequeue(fetch);
    fetch->not_before = not_before;
    enqueue(fetch);
}

void tv_fetch_done(TvFetch *fetch)
{
    dequeue(fetch);
    if (fetch->again_ticket != 0) {
        fetch->again_ticket = 0;
        fetch->anew = true;
        fetch->deadline = fetch->again_deadline;
        fetch->again_deadline = 0;
        fetch->not_before = 0;
        fetch->deaths = fetch->held = 0;
        enqueue(fetch);
        return;
    }
    dlist_delete(&fetch->same_bucket);
    pfree(fetch);
    fetches--;
}
