/* A frame's way from its exposure through the nodes of the tree, and a program of EXECUTE: one step at a time, so that
 * the link is served in between. */
#include "frame.h"

#include <string.h>

enum { IDLE, WANTS_NODE, RUNS, PROGRAM_RUNS };

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
    unsigned depth, path_logits, earlier_count;
    size_t result_size;                                /* of what is written of the RESULT */
    uint32_t part;                                     /* of a read-out: what was sent of it */
    uint64_t read_out;                                 /* bytes read out by a program */
} hand;

static int32_t logits[2][MOST_LOGITS];                 /* of the node that runs and the one before, which take turns */

/* The RESULT, written node by node as the frame passes them; and the program of an EXECUTE, which has no RESULT. */
enum { PATH_AT = 9 + 7, BEHIND_PATH = 28 };
static uint8_t result[9 + GREATEST];
static struct image image;
static struct run run;
uint64_t frames_done;

bool in_hand(void) { return hand.state != IDLE; }
bool scratch_is_taken(void) { return (hand.state == RUNS || hand.state == PROGRAM_RUNS) && run.scanned; }
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
    struct object *o = store_find(digest);
    return o && o->whole && (!kind || o->data[0] == kind) ? o : NULL;
}

struct object *resident_or_flash(const uint8_t digest[16])
{
    struct object *o = store_find(digest);
    return o ? (o->whole ? o : NULL) : store_from_flash(&store, config.flash, digest);
}

/* What a node needs beside its manifest: program, blocks, segments, in this order. */
static unsigned slots_of(const struct object *node, bool segments)
{
    return segments ? node->data[19 + 16 * node->data[18]] : node->data[18];
}

static unsigned needs_of(const struct object *node) { return 1 + slots_of(node, false) + slots_of(node, true); }

static const uint8_t *need(const struct object *node, unsigned i)
{
    unsigned blocks = node->data[18];
    return i == 0 ? node->data + 2 : node->data + (i <= blocks ? 3 : 4) + 16 * i;
}

bool is_needed(const uint8_t digest[16])
{
    if (hand.state == PROGRAM_RUNS) {
        for (unsigned i = 0; i < image.block_count + image.segment_count; i++)
            if (!memcmp(image.slots[i]->digest, digest, 16))
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
    if (hand.session)
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
        struct object *o = resident_or_flash(need(node, i));
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
    if (!hand.session)
        fail(ERR_BAD_TREE, "an object is not in flash");
    else if (news)
        send_fault(node, count);
    else if (hand.session->wire && now() - hand.part_at >= tree.fault_timeout)
        fail(ERR_FAULT_TIMEOUT, "missing objects did not come");
}

/* ---- a node ---- */

static bool gather(const struct object *node)          /* its objects, all resident; false where a kind is wrong */
{
    unsigned blocks = slots_of(node, false), segments = slots_of(node, true);
    struct object *program = resident(need(node, 0), KIND_PROGRAM);
    if (!program)
        return false;
    image.object = program;
    image.size = program->size;
    image.block_count = blocks;
    image.segment_count = segments;
    for (unsigned i = 0; i < blocks + segments; i++)
        if (!(image.slots[i] = resident(need(node, 1 + i), i < blocks ? KIND_BLOCK : KIND_SEGMENT)))
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
    struct object *node = resident_or_flash(hand.node);
    bool news = false;
    if (node)
        store_touch(&store, node);
    if (node && node->data[0] != KIND_NODE) {
        fail(ERR_BAD_TREE, "an object is not the node that the tree takes it for");
        return;
    }
    if (node && needs_of(node) > 1 + MOST_SLOTS) {
        fail(ERR_BAD_TREE, "a node has more blocks or segments than this controller has slots");
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
    run_begin(&run, node, &image, logits[(hand.depth + 1) % 2], hand.depth ? hand.earlier_count : 0, logits[hand.depth % 2]);
    hand.state = RUNS;
}

static void write(uint64_t value, size_t bytes)
{
    store_little(result + hand.result_size, value, bytes);
    hand.result_size += bytes;
}

/* A node that was passed, with its logits; those of one that proceeds are of nobody's interest but the next node's. */
static void write_visit(unsigned logit_count, uint64_t ns)
{
    memcpy(result + hand.result_size, hand.node, 16);
    hand.result_size += 16;
    write((uint16_t)run.outcome, 2);
    write(logit_count, 2);
    for (unsigned n = 0; n < logit_count; n++)
        write((uint32_t)run.logits[n], 4);
    write(ns, 8);
}

static void finish(uint16_t label)
{
    charge(COST_RESULT_NS);
    frames_done++;
    memset(result, 0, 9);
    result[0] = MSG_RESULT;
    store_little(result + 9, hand.number, 4);
    store_little(result + 13, label, 2);
    result[15] = (uint8_t)hand.depth;
    write(hand.capture_ns, 8);
    write(device_clock.now_ns - hand.started_ns - hand.stall_ns, 8);
    write(hand.stall_ns, 8);
    write(device_clock.words - hand.started_words, 4);
    hand.state = IDLE;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (!s->used || (s != hand.session && (s->role != OBSERVE || !has_window(s))))
            continue;
        store_little(result + 1, s == hand.session ? hand.request : 0, 2);
        answer_with(s, result, hand.result_size);
    }
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
    unsigned count = told ? run.logit_count : 0;
    hand.path_logits += count;
    if (hand.path_logits > MAX_PATH_LOGITS || hand.result_size + 28 + 4 * count + BEHIND_PATH > sizeof result) {
        fail(ERR_BAD_TREE, "the frame's path has too many logits");
        return;
    }
    write_visit(count, elapsed);
    hand.depth++;
    hand.earlier_count = run.logit_count;
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
    hand.result_size = PATH_AT;
    hand.part_at = now();
    memcpy(hand.node, tree.capture, 16);
    array_elapse(device_clock.now_ns);
    array_begin_frame(number);
    hand.started_ns = device_clock.now_ns;
    hand.started_words = device_clock.words;
    expose_frame();
}

void run_without_host(void)
{
    static uint64_t due;
    static uint32_t number;
    if (!config.flash || in_hand() || now() < due || driver())
        return;
    const struct object *root = resident_or_flash(config.flash->tree);
    if (!root)
        return;
    due = now() + config.flash->every_ms;
    if (!tree_is_open()) {
        tree_open(config.flash->tree, root, 0);
        exposure_set(config.flash->exposure_mode, config.flash->exposure_us);
    }
    frame_begin(NULL, 0, number++);
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
    image.bytes = memcpy(result, given->bytes, given->size);
    run_begin(&run, NULL, &image, logits[1], 0, logits[0]);
}

static bool send_read_out(void)                        /* false where the host's window is full */
{
    while (run.reads_out && (hand.part < run.read_out || !hand.sent_part)) {
        if (!has_room_for_bulk(hand.session))
            return false;
        start(MSG_READ_OUT, hand.request);
        add(run.step, 2);
        add(hand.part, 4);
        add(run.read_out, 4);
        uint32_t size = read_part(&run, hand.part, add_room(0));
        add_room(size);
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
    if (hand.state == IDLE || (hand.session && !can_answer(hand.session)) || plane_under_way())
        return false;
    if (hand.state == PROGRAM_RUNS)
        return work_on_program();
    if (hand.state == WANTS_NODE) {
        activate();
        return hand.state == RUNS;
    }
    if (run.index == run.count) {
        if (hand.session && !has_window(hand.session))
            return false;
        leave();
        return in_hand();
    }
    run_step(&run);
    if (run.failure)
        fail(ERR_BAD_TREE, run.failure);
    return in_hand();
}
