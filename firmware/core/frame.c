/* A frame's way from its exposure through the nodes of the tree, and a program of EXECUTE: one step at a time, so that
 * the link is served in between. */
#include "frame.h"

#include <string.h>

enum { IDLE, WANTS_NODE, RUNS, PROGRAM_RUNS };

struct visit { uint8_t node[16]; uint16_t outcome, logit_count; uint64_t ns; };

static struct { bool open; uint8_t digest[16], capture[16], root[16], input; uint32_t fault_timeout; } tree;

static struct {
    int state;
    struct session *session;
    uint16_t request;
    uint32_t number;
    uint8_t node[16], reported[64];                    /* a bit for each thing that a node needs, as need numbers them */
    bool waits, reported_node;
    uint64_t part_at;                                  /* ms: when a part of an object last came in */
    bool capturing, sent_part;
    uint64_t started_ns, started_words, node_started_ns, capture_ns, stall_ns;
    struct visit path[MAX_DEPTH];
    unsigned depth, logit_at, earlier_at, earlier_count;
    uint32_t part;                                     /* of a read-out: what was sent of it */
    uint64_t read_out;                                 /* bytes read out by a program */
} hand;

static int32_t logits[3 * MOST_LOGITS];                /* of the path and the node that runs; behind, of one that proceeds */
static struct image image;
static struct run run;
uint64_t frames_done;

bool in_hand(void) { return hand.state != IDLE; }
bool frame_in_hand(void) { return hand.state == WANTS_NODE || hand.state == RUNS; }
void drop_in_hand(void) { hand.state = IDLE; }
void tree_close(void) { tree.open = false; }
bool tree_is_open(void) { return tree.open; }

const uint8_t *tree_digest(void)
{
    static const uint8_t none[16];
    return tree.open ? tree.digest : none;
}

void tree_open(const uint8_t digest[16], const struct object *o, uint32_t fault_timeout_ms)
{
    tree.open = true;
    memcpy(tree.digest, digest, 16);
    tree.input = o->data[2];
    memcpy(tree.capture, o->data + 3, 16);
    memcpy(tree.root, o->data + 19, 16);
    tree.fault_timeout = fault_timeout_ms;
}

struct object *resident(const uint8_t digest[16], enum kind kind)
{
    struct object *o = store_find(&store, digest);
    return o && o->whole && (!kind || o->data[0] == kind) ? o : NULL;
}

/* What a node needs beside its manifest: program, blocks, segments, in this order. */
static unsigned needs_of(const struct object *node) { return 1u + node->data[18] + node->data[19 + 16 * node->data[18]]; }

static const uint8_t *need(const struct object *node, unsigned i)
{
    unsigned blocks = node->data[18];
    return i == 0 ? node->data + 2 : node->data + (i <= blocks ? 3 : 4) + 16 * i;
}

bool is_needed(const uint8_t digest[16])
{
    if (hand.state == PROGRAM_RUNS) {
        for (unsigned i = 0; i < image.block_count; i++)
            if (!memcmp(image.blocks[i]->digest, digest, 16))
                return true;
        for (unsigned i = 0; i < image.segment_count; i++)
            if (!memcmp(image.segments[i]->digest, digest, 16))
                return true;
        return false;
    }
    if (hand.state == IDLE)
        return false;
    if (!memcmp(digest, hand.node, 16))
        return true;
    struct object *node = resident(hand.node, KIND_NODE);
    for (unsigned i = 0; node && i < needs_of(node); i++)
        if (!memcmp(digest, need(node, i), 16))
            return true;
    return false;
}

/* ---- waiting for objects ---- */

static bool waits(void) { return hand.state == WANTS_NODE && hand.waits; }

void put_came(uint32_t wire_bytes)
{
    if (!waits())
        return;
    hand.stall_ns += line_ns(wire_bytes);
    charge(line_ns(wire_bytes));
}

void frame_part_came(uint32_t wire_bytes)
{
    (void)wire_bytes;
    hand.part_at = now();
}

void driver_present(struct session *s)
{
    if (in_hand() && s == hand.session)
        hand.part_at = now();                          /* its host could send nothing meanwhile */
}

static void fail(enum error code, const char *why)
{
    error(hand.session, hand.request, code, why);
    hand.state = IDLE;
}

static bool is_missing(const uint8_t *digest) { return !resident(digest, 0); }

static bool named_before(const struct object *node, unsigned i)   /* an object in two slots is missing once */
{
    for (unsigned k = 0; k < i; k++)
        if (!memcmp(need(node, k), need(node, i), 16))
            return true;
    return false;
}

/* How many things the node lacks, and whether one was not told yet. What it has becomes the most recently used, in the
 * order in which the manifest names it. */
static unsigned missing_of(const struct object *node, bool *news)
{
    unsigned count = 0;
    for (unsigned i = 0; i < needs_of(node); i++) {
        struct object *o = resident(need(node, i), 0);
        if (o)
            store_touch(&store, o);
        else if (!named_before(node, i)) {
            count++;
            *news |= !(hand.reported[i / 8] >> i % 8 & 1);
        }
    }
    return count;
}

static void send_fault(const struct object *node, unsigned count)
{
    start(MSG_FAULT, hand.request);
    add(hand.number, 4);
    add_bytes(hand.node, 16);
    add(count, 2);
    if (!node)
        add_bytes(hand.node, 16);
    memset(hand.reported, 0, sizeof hand.reported);
    for (unsigned i = 0; node && i < needs_of(node); i++)
        if (is_missing(need(node, i)) && !named_before(node, i)) {
            add_bytes(need(node, i), 16);
            hand.reported[i / 8] |= (uint8_t)(1u << i % 8);
        }
    hand.reported_node = !node;
    hand.waits = true;
    hand.part_at = now();
    answer(hand.session);
}

static void wait_for(const struct object *node, unsigned count, bool news)
{
    if (news)
        send_fault(node, count);
    else if (hand.session->wire && now() - hand.part_at >= tree.fault_timeout)
        fail(ERR_FAULT_TIMEOUT, "missing objects did not come");
}

/* ---- a node ---- */

static bool gather(const struct object *node)          /* its objects, all resident; false where a kind is wrong */
{
    unsigned blocks = node->data[18], segments = needs_of(node) - 1 - blocks;
    if (blocks > MOST_SLOTS || segments > MOST_SLOTS)
        return false;
    struct object *program = resident(need(node, 0), KIND_PROGRAM);
    if (!program)
        return false;
    image.object = program;
    image.size = program->size;
    image.block_count = blocks;
    image.segment_count = segments;
    for (unsigned i = 0; i < blocks; i++)
        if (!(image.blocks[i] = resident(need(node, 1 + i), KIND_BLOCK)))
            return false;
    for (unsigned i = 0; i < segments; i++)
        if (!(image.segments[i] = resident(need(node, 1 + blocks + i), KIND_SEGMENT)))
            return false;
    return true;
}

static struct manifest manifest_of(const struct object *node)
{
    const uint8_t *p = node->data + 20 + 16 * (needs_of(node) - 1);
    return (struct manifest){u16(p) | (uint32_t)p[2] << AREG_BIT, 1u << tree.input, hand.capturing, u16(p + 3)};
}

static const uint8_t *exit_of(const struct object *node, unsigned outcome)
{
    const uint8_t *p = node->data + 20 + 16 * (needs_of(node) - 1) + 5;
    while (outcome--)
        p += *p ? 17 : 3;
    return p;
}

static void activate(void)
{
    struct object *node = resident(hand.node, 0);
    bool news = false;
    if (node)
        store_touch(&store, node);
    if (node && node->data[0] != KIND_NODE) {
        fail(ERR_BAD_TREE, "an object is not the node that the tree takes it for");
        return;
    }
    unsigned count = node ? missing_of(node, &news) : 1;
    if (count) {
        wait_for(node, count, node ? news : !hand.reported_node);
        return;
    }
    hand.waits = hand.reported_node = false;
    memset(hand.reported, 0, sizeof hand.reported);
    if (!gather(node)) {
        fail(ERR_BAD_TREE, "an object of a node is of the wrong kind");
        return;
    }
    uint8_t key = (uint8_t)(1 + 2 * tree.input + hand.capturing);
    if (node->verified != key) {
        struct manifest manifest = manifest_of(node);
        const char *wrong = verify(&image, &manifest);
        if (wrong) {
            fail(ERR_BAD_TREE, wrong);
            return;
        }
        node->verified = key;
    }
    hand.node_started_ns = device_clock.now_ns;
    run_begin(&run, &image, logits + hand.earlier_at, hand.depth ? hand.earlier_count : 0, logits + hand.logit_at);
    hand.state = RUNS;
}

static void finish(uint16_t label)
{
    charge(COST_RESULT_NS);
    frames_done++;
    hand.state = IDLE;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        unsigned at = 0;
        if (!s->used || (s != hand.session && (s->role != OBSERVE || !has_window(s))))
            continue;
        start(MSG_RESULT, s == hand.session ? hand.request : 0);
        add(hand.number, 4);
        add(label, 2);
        add(hand.depth, 1);
        for (unsigned k = 0; k < hand.depth; k++) {
            const struct visit *visit = &hand.path[k];
            add_bytes(visit->node, 16);
            add(visit->outcome, 2);
            add(visit->logit_count, 2);
            for (unsigned n = 0; n < visit->logit_count; n++)
                add((uint32_t)logits[at++], 4);
            add(visit->ns, 8);
        }
        add(hand.capture_ns, 8);
        add(device_clock.now_ns - hand.started_ns - hand.stall_ns, 8);
        add(hand.stall_ns, 8);
        add(device_clock.words - hand.started_words, 4);
        answer(s);
    }
}

/* The logits of a node that proceeds are of nobody's interest but the next node's: it keeps them behind the path's. */
static void keep_logits(bool told)
{
    if (told) {
        hand.earlier_at = hand.logit_at;
        hand.logit_at += run.logit_count;
    } else {
        memmove(logits + 2 * MOST_LOGITS, run.logits, 4 * run.logit_count);
        hand.earlier_at = 2 * MOST_LOGITS;
    }
    hand.earlier_count = run.logit_count;
}

static void leave(void)
{
    uint64_t elapsed = device_clock.now_ns - hand.node_started_ns;
    hand.state = WANTS_NODE;
    if (hand.capturing) {
        hand.capture_ns = elapsed;
        hand.capturing = false;
        memcpy(hand.node, tree.root, 16);
        return;
    }
    bool told = program_of(&image)[image.size - 1] != STEP_PROCEED;
    struct visit *visit = &hand.path[hand.depth++];
    memcpy(visit->node, hand.node, 16);
    visit->outcome = (uint16_t)run.outcome;
    visit->logit_count = (uint16_t)(told ? run.logit_count : 0);
    visit->ns = elapsed;
    if (run.logit_count > MOST_LOGITS || hand.logit_at + (told ? run.logit_count : 0) > MAX_PATH_LOGITS) {
        fail(ERR_BAD_TREE, "the frame's path has too many logits");
        return;
    }
    keep_logits(told);
    const uint8_t *way = exit_of(resident(hand.node, KIND_NODE), (unsigned)run.outcome);
    if (!*way)
        finish(u16(way + 1));
    else if (hand.depth >= MAX_DEPTH)
        fail(ERR_BAD_TREE, "the frame's path is too long");
    else
        memcpy(hand.node, way + 1, 16);
}

void frame_begin(struct session *s, uint16_t request, uint32_t number)
{
    memset(&hand, 0, sizeof hand);
    hand.state = WANTS_NODE;
    hand.session = s;
    hand.request = request;
    hand.number = number;
    hand.capturing = true;
    hand.part_at = now();
    memcpy(hand.node, tree.capture, 16);
    array_elapse(device_clock.now_ns);
    array_begin_frame(number);
    array_expose();
    hand.started_ns = device_clock.now_ns;
    hand.started_words = device_clock.words;
}

void frame_cancel(uint32_t number)
{
    if (frame_in_hand() && hand.number == number)
        hand.state = IDLE;
}

/* ---- a program of EXECUTE ---- */

void program_begin(struct session *s, uint16_t request, const struct image *given)
{
    memset(&hand, 0, sizeof hand);
    hand.state = PROGRAM_RUNS;
    hand.session = s;
    hand.request = request;
    hand.started_ns = device_clock.now_ns;
    hand.started_words = device_clock.words;
    image = *given;
    run_begin(&run, &image, logits, 0, logits);
}

static bool send_read_out(void)                        /* false where the host's window is full */
{
    while (run.reads_out && (hand.part < run.read_out || !hand.sent_part)) {
        static uint8_t part[PART];
        if (!has_room_for_bulk(hand.session))
            return false;
        uint32_t size = read_part(&run, hand.part, part);
        start(MSG_READ_OUT, hand.request);
        add(run.index - 1, 2);
        add(hand.part, 4);
        add(run.read_out, 4);
        add_bytes(part, size);
        answer(hand.session);
        hand.part += size;
        hand.sent_part = true;
    }
    hand.read_out += run.reads_out ? run.read_out : 0;
    run.reads_out = false;
    hand.part = 0;
    hand.sent_part = false;
    return true;
}

static bool work_on_program(void)
{
    if (!send_read_out())
        return false;
    if (run.index < run.count && !run.failure) {
        run_step(&run);
        return true;
    }
    if (run.failure) {
        fail(ERR_BAD_OBJECT, run.failure);
        return false;
    }
    if (!has_room_for_bulk(hand.session))
        return false;
    if (hand.read_out)
        charge(COST_RESULT_NS + hand.read_out * COST_COPY_BYTE_NS);
    start(MSG_EXECUTED, hand.request);
    add(device_clock.now_ns - hand.started_ns, 8);
    add(device_clock.words - hand.started_words, 4);
    answer(hand.session);
    hand.state = IDLE;
    return false;
}

bool work_in_hand(void)
{
    if (hand.state == IDLE || !can_answer(hand.session) || plane_under_way())
        return false;
    if (hand.state == PROGRAM_RUNS)
        return work_on_program();
    if (hand.state == WANTS_NODE) {
        activate();
        return hand.state == RUNS;
    }
    if (run.index == run.count) {
        if (!has_window(hand.session))
            return false;
        leave();
        return in_hand();
    }
    run_step(&run);
    if (run.failure)
        fail(ERR_BAD_TREE, run.failure);
    return in_hand();
}
