/* Whether a node or a program may run: docs/reference/objects.md, "What to verify before a node's first step". */
#include "array.h"
#include "program.h"

enum { COVER_WORDS = 17 };

struct tally {
    uint64_t words, scanned_bits, read_out, read_outs, waiting_us;
    uint32_t logits;
    bool bits_vary, answered;                          /* answered: the last step's read-out counts */
    struct nesting nesting;
};

static uint32_t named(const struct step *step, const int32_t *v, unsigned which)
{
    uint32_t mask = 0;
    for (int i = 0; i < step->count; i++)
        if (which >> i & 1)
            mask |= (step->analog >> i & 1 ? 1u << AREG_BIT : 1u) << v[i];
    return mask;
}

static bool is_layout(const struct object *o, unsigned layout) { return o->data[2] == layout; }

static bool has_bits(const struct image *image, int32_t slot, uint32_t bit, uint32_t width)
{
    const struct object *o = segment_at(image, slot);
    return is_layout(o, 3) && bit + width <= packed_bits(o->data, o->size);
}

static bool has_cover(const struct image *image, int32_t slot, uint32_t bit, uint32_t width)
{
    const struct object *o = segment_at(image, slot);
    if (!is_layout(o, 5))
        return has_bits(image, slot, bit, width);
    uint32_t count = u16(o->data + 3);                 /* of weights: each is two bits */
    return bit < 2 * count && bit % count + width <= count;
}

static const char *check_cover(const struct image *image, const int32_t *v, struct tally *tally)
{
    const struct object *mask = segment_at(image, v[0]);
    if (!is_layout(mask, 1) || v[1] >= mask->data[5])
        return "a step's mask segment has no such plane";
    uint32_t side = mask->data[3], positions = side * mask->data[4], bytes = (positions + 7) / 8, ones = 0;
    if (side != mask->data[4] || side << v[4] > ARRAY_SIDE)
        return "a cover's grid is not square or does not fit the array";
    for (uint32_t i = 0; i < bytes; i++)
        for (uint8_t b = mask->data[6 + (uint32_t)v[1] * bytes + i]; b; b &= (uint8_t)(b - 1))
            ones++;
    if (!has_cover(image, v[2], (uint32_t)v[3], ones))
        return "a cover's segment is neither packed nor ternary, or has too few bits";
    tally->words += positions / 2 * COVER_WORDS;
    return NULL;
}

static bool in_slots(const struct image *image, const struct step *step, const int32_t *v)
{
    switch (step->opcode) {
    case STEP_LAUNCH: return (unsigned)v[0] < image->block_count;
    case STEP_LOAD_COVER:
        return (unsigned)v[0] < image->segment_count && (unsigned)v[2] < image->segment_count;
    case STEP_SCAN_LOGITS: case STEP_SUM_LOGIT: case STEP_APPLY_FULLY_CONNECTED: case STEP_WRITE_DREG:
        return (unsigned)v[0] < image->segment_count;
    default: return true;
    }
}

static const char *check_segments(const struct image *image, const struct step *step, const int32_t *v,
                                  struct tally *tally)
{
    switch (step->opcode) {
    case STEP_LOAD_COVER:
        return check_cover(image, v, tally);
    case STEP_SCAN_LOGITS: case STEP_SUM_LOGIT:
        return has_bits(image, v[0], (uint32_t)v[1], 32) ? NULL : "a step's segment is not packed, or has too few bits";
    case STEP_WRITE_DREG:
        return has_bits(image, v[0], 0, ARRAY_SIDE * ARRAY_SIDE) ? NULL : "a step's segment is no packed plane";
    case STEP_APPLY_FULLY_CONNECTED: {
        const struct object *o = segment_at(image, v[0]);
        if (!is_layout(o, 4) || bits_wanted(o->data) != tally->scanned_bits)
            return "the fully connected segment does not take the bits scanned";
        if (tally->scanned_bits > 8ull * SCANNED_ROOM)
            return "a program reads out more bits for a layer than this controller has room for";
        uint32_t inputs = u16(o->data + 3), planes = o->data[6];
        tally->logits = o->data[5];
        tally->words += (uint64_t)tally->logits * planes * (inputs / 32 + 1);
        tally->words += planes ? 0 : tally->logits * row_bytes(o->data) / 2;
        tally->words += bits_wanted(o->data) != inputs ? bits_wanted(o->data) / 32 : 0;
        return NULL;
    }
    default: return NULL;
    }
}

static bool is_of_logits(uint8_t opcode)
{
    return opcode == STEP_SCAN_LOGITS || opcode == STEP_SUM_LOGIT || opcode == STEP_ADD_LOGITS ||
           opcode == STEP_APPLY_FULLY_CONNECTED || decides(opcode);
}

static const char *check_place(const struct manifest *node, const struct step *step, struct tally *tally)
{
    if (node && is_control(step->opcode))
        return "a node has no variables, loops and branches";
    if (tally->nesting.within && is_of_logits(step->opcode))
        return "logits cannot be worked out within a block";
    if (tally->bits_vary && step->opcode == STEP_APPLY_FULLY_CONNECTED)
        return "how many bits were scanned is not sure";
    tally->bits_vary |= tally->nesting.within && step->opcode == STEP_SCAN_DREG;
    return NULL;
}

/* The time of a step that was counted once so far, when there were so many words before it. */
static void count_time(const struct manifest *node, const struct step *step, const int32_t *v, struct tally *tally,
                       uint64_t words)
{
    uint32_t launches = step->opcode == STEP_LAUNCH ? (uint32_t)v[1] : 1;
    bool waits = step->opcode == STEP_EXPOSE || step->opcode == STEP_WAIT;
    if (node || !waits)
        tally->words += step_words(step->opcode, v);
    if (waits)
        tally->waiting_us += (uint64_t)tally->nesting.times * (uint32_t)v[0];
    if (tally->nesting.within)
        tally->words = words + tally->nesting.times * (tally->words - words + BLOCK_STEP_WORDS * launches);
}

/* What a step reads out counts, until a Take behind it takes it away. */
static void count_read_out(const struct step *step, const int32_t *v, struct tally *tally)
{
    uint32_t size = step_read_out(step->opcode, v), times = tally->nesting.times;
    if (step->opcode == STEP_TAKE) {
        tally->read_out -= tally->answered ? (uint64_t)times * tally->nesting.read_out : 0;
        tally->read_outs -= tally->answered ? times : 0;
    } else if (size || step->opcode == STEP_SCAN_EVENTS) {
        tally->read_out += (uint64_t)times * size;
        tally->read_outs += times;
    }
    tally->answered = step->opcode != STEP_TAKE;
}

static const char *check_step(const struct image *image, const struct manifest *node, const struct step *step,
                              const int32_t *v, struct tally *tally)
{
    uint64_t words = tally->words;
    if (!in_slots(image, step, v))
        return "a step names a slot that there is not";
    const char *wrong = nesting_enter(&tally->nesting, step, v);
    if (!wrong)
        wrong = check_place(node, step, tally);
    if (!wrong)
        wrong = check_segments(image, step, v, tally);
    if (wrong)
        return wrong;
    if (step->opcode == STEP_LAUNCH)
        tally->words += (uint64_t)v[1] * block_at(image, v[0])->words;
    if (step->opcode == STEP_SCAN_DREG)
        tally->scanned_bits += (uint64_t)tally->nesting.times * (uint64_t)v[3] * ARRAY_SIDE;
    if (step->opcode == STEP_SCAN_LOGITS)
        tally->logits = (uint32_t)(((v[6] - v[4]) / v[8] + 1) * ((v[7] - v[5]) / v[9] + 1));
    if (step->opcode == STEP_SUM_LOGIT)
        tally->logits++;
    if (step->opcode == STEP_ADD_LOGITS && (!node || !tally->logits))
        return "there are no logits to add to";
    uint32_t outcomes = step->opcode == STEP_PROCEED ? 1 : tally->logits;
    if (decides(step->opcode) && (!tally->logits || (node && outcomes != node->exits)))
        return "there is not an exit for every logit";
    uint32_t writes = named(step, v, step->writes) | step->clobbers, reads = named(step, v, step->reads);
    if (node && ((writes & ~node->own) || (reads & ~(node->own | node->input))))
        return "a step touches a plane that is not the node's";
    count_time(node, step, v, tally, words);
    count_read_out(step, v, tally);
    return NULL;
}

/* What the words of a block touch was noted when they were loaded: decoding them again would take longer than the rest. */
static const char *check_blocks(const struct image *image, const struct manifest *node)
{
    uint32_t writes = 0, reads = 0;
    for (unsigned i = 0; i < image->block_count; i++) {
        writes |= block_at(image, (int32_t)i)->of.block.writes;
        reads |= block_at(image, (int32_t)i)->of.block.reads;
    }
    bool is_kept = !(writes & ~node->own) && !(reads & ~(node->own | node->input));
    return is_kept ? NULL : "a word touches a plane that is not the node's";
}

static const char *check_manifest(const struct manifest *node, bool program_decides)
{
    if (node->capture == program_decides)
        return node->capture ? "a capture program must not decide" : "a node's last step must be Argmax or Proceed";
    if (((node->own & node->input) != 0) != node->capture)
        return "the capture node, and only that, lists the input plane among its planes";
    return node->capture && node->exits ? "a capture node has no exits" : NULL;
}

const char *verify(const struct image *image, const struct manifest *node)
{
    struct tally tally = {0};
    const struct step *step = NULL;
    int32_t v[MOST_OPERANDS];
    const char *wrong = NULL;
    if (node && (wrong = check_blocks(image, node)))
        return wrong;
    for (size_t at = 4; at < image->size && !wrong;) {
        at += read_step(program_of(image) + at, image->size - at, &step, v);
        wrong = check_step(image, node, step, v, &tally);
    }
    if (!wrong)
        wrong = nesting_end(&tally.nesting);
    if (!wrong && node)
        wrong = check_manifest(node, step && decides(step->opcode));
    if (wrong)
        return wrong;
    if (tally.scanned_bits > MAX_SCANNED_BITS || tally.read_out > MAX_READ_OUT_BYTES)
        return "the program reads out too much";
    if (!node && (tally.read_outs > MAX_READ_OUTS || tally.waiting_us > MAX_WAITING_US))
        return "the program reads out too often, or waits too long";
    return tally.words > (node ? MAX_WORDS_PER_NODE : MAX_WORDS_IMMEDIATE) ? "the program executes too many words" : NULL;
}
