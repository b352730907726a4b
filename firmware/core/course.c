/* The course of a program: its variables, loops and branches. docs/reference/objects.md has the rules. */
#include "array.h"
#include "program.h"
#include "scratch.h"

#include <string.h>

enum { CONSTANT, VARIABLE };
enum { SET, ADD, SUBTRACT, MULTIPLY, HALVE };
enum { EQUAL, UNEQUAL, LESS, AT_MOST, GREATER, AT_LEAST };
enum { BYTE, UINT16, INT32, SUM, EVENTS };

bool is_control(uint8_t opcode) { return opcode >= STEP_SET; }

/* ---- before the first step ---- */

static const char *open_block(struct nesting *n, uint64_t times, bool repeats)
{
    if (n->depth == MAX_NESTED)
        return "too many blocks are open";
    times *= n->times;
    n->open[n->depth].times = times < MOST_TIMES ? (uint32_t)times : MOST_TIMES;
    n->open[n->depth].repeats = repeats;
    n->open[n->depth++].had_else = false;
    n->repeats += repeats;
    return NULL;
}

static const char *check_block(struct nesting *n, uint8_t opcode, const int32_t *v)
{
    struct block_checked *inner = n->depth ? &n->open[n->depth - 1] : NULL;
    switch (opcode) {
    case STEP_REPEAT: return open_block(n, (uint64_t)v[0], true);
    case STEP_IF: return open_block(n, 1, false);
    case STEP_LEAVE_IF: return n->repeats ? NULL : "there is no loop to leave";
    case STEP_ELSE:
        if (!inner || inner->repeats || inner->had_else)
            return "an Else belongs to no If";
        inner->had_else = true;
        return NULL;
    case STEP_END:
        if (!inner)
            return "an End belongs to no block";
        n->repeats -= inner->repeats;
        n->depth--;
        return NULL;
    default: return NULL;
    }
}

static const char *check_take(const struct nesting *n, const int32_t *v)
{
    static const uint8_t bytes[] = {1, 2, 4, 1};
    if (!n->read_out)
        return "the step before a Take reads nothing out";
    if (v[1] == EVENTS)
        return n->reader == STEP_SCAN_EVENTS && !v[2] ? NULL : "a Take takes events of something else";
    bool fits = n->read_out <= TAKEN_BYTES && (uint32_t)v[2] + bytes[v[1]] <= n->read_out;
    return fits ? NULL : "a Take lies outside of what is read out";
}

const char *nesting_enter(struct nesting *n, const struct step *step, const int32_t *v)
{
    n->times = n->depth ? n->open[n->depth - 1].times : 1;
    n->within = n->depth;
    if (step->opcode == STEP_USE) {
        n->uses |= (uint16_t)(1u << v[0]);
        return NULL;
    }
    if (n->uses & ~step->varies)
        return "an operand cannot be a variable";
    n->uses = 0;
    unsigned source = step->opcode == STEP_SET || step->opcode == STEP_IF || step->opcode == STEP_LEAVE_IF ? 2 : 0;
    if (source && v[source] == VARIABLE && (uint32_t)v[source + 1] >= VARIABLES)
        return "there is no such variable";
    if (step->opcode == STEP_TAKE)
        return check_take(n, v);
    n->reader = step->opcode;
    n->read_out = step_read_out(step->opcode, v);
    return check_block(n, step->opcode, v);
}

const char *nesting_end(const struct nesting *n)
{
    return n->uses || n->depth ? "a block has no End, or a Use no step" : NULL;
}

/* ---- while it runs ---- */

static void charge_control(void) { charge(COST_CONTROL_OPERATIONS * COST_OPERATION_NS); }

static size_t next_step(const struct run *run, const struct step **step, int32_t *v)
{
    return read_step(program_of(run->image) + run->at, run->image->size - run->at, step, v);
}

static bool is_next(const struct run *run, uint8_t opcode)
{
    return run->index < run->count && program_of(run->image)[run->at] == opcode;
}

size_t read_with_uses(struct run *run, const struct step **step, bool again)
{
    uint8_t given[MOST_OPERANDS] = {0};
    size_t before = 0, size;
    while (program_of(run->image)[run->at + before] == STEP_USE) {
        const uint8_t *use = program_of(run->image) + run->at + before;
        given[use[1]] = (uint8_t)(1 + use[2]);
        before += 3;
        if (!again)
            charge_control();
    }
    run->uses = (uint16_t)(before / 3);
    size = read_step(program_of(run->image) + run->at + before, run->image->size - run->at - before, step, run->v);
    for (unsigned i = 0; i < (*step)->count; i++)
        if (given[i]) {
            int32_t value = run->variables[given[i] - 1], least = least_of(*step, i);
            run->v[i] = value < least ? least : value < run->v[i] ? value : run->v[i];
        }
    return before + size;
}

/* Pairs of an event read-out before the first zeros; in pieces, for there may be thousands. */
static int32_t count_events(const struct run *run)
{
    uint8_t few[TAKEN_BYTES];
    bool roomy = run->scanned + PART <= SCANNED_ROOM;
    uint8_t *pairs = roomy ? scratch.read_out + run->scanned : few;
    uint32_t most = (uint32_t)run->v[1], piece = (roomy ? PART : TAKEN_BYTES) / 2;
    for (uint32_t first = 0; first < most; first += piece) {
        uint32_t count = most - first < piece ? most - first : piece;
        array_events((unsigned)run->v[0], most, run->v[2], run->v[3], run->v[4], first, count, pairs);
        for (uint32_t i = 0; i < count; i++)
            if (!pairs[2 * i] && !pairs[2 * i + 1])
                return (int32_t)(first + i);
    }
    return (int32_t)most;
}

static int32_t part_of(const uint8_t *bytes, uint32_t size, const int32_t *v)
{
    int32_t sum = 0;
    switch (v[1]) {
    case BYTE: return bytes[v[2]];
    case UINT16: return u16(bytes + v[2]);
    case INT32: return (int32_t)u32(bytes + v[2]);
    default:
        for (uint32_t i = (uint32_t)v[2]; i < size; i++)
            sum += bytes[i];
        return sum;
    }
}

void take_read_out(struct run *run)
{
    uint8_t bytes[TAKEN_BYTES + 4] = {0};
    const struct step *step;
    int32_t v[MOST_OPERANDS];
    bool fetched = false;
    while (is_next(run, STEP_TAKE)) {
        size_t size = next_step(run, &step, v);
        if (v[1] != EVENTS && !fetched) {
            read_part(run, 0, bytes);
            fetched = true;
        }
        run->variables[v[0]] = v[1] == EVENTS ? count_events(run) : part_of(bytes, run->read_out, v);
        run->reads_out = false;
        charge_control();
        run->at += size;
        run->index++;
    }
}

static int32_t value_of(const struct run *run, const int32_t *v)   /* of a source and a value */
{
    return v[0] == VARIABLE ? run->variables[v[1]] : v[1];
}

static bool holds(const struct run *run, const int32_t *v)
{
    int32_t a = run->variables[v[0]], b = value_of(run, v + 2);
    switch (v[1]) {
    case EQUAL: return a == b;
    case UNEQUAL: return a != b;
    case LESS: return a < b;
    case AT_MOST: return a <= b;
    case GREATER: return a > b;
    default: return a >= b;
    }
}

static void change(struct run *run, const int32_t *v)
{
    int32_t *variable = &run->variables[v[0]], b = value_of(run, v + 2);
    uint32_t a = (uint32_t)*variable;
    switch (v[1]) {
    case SET: *variable = b; break;
    case ADD: *variable = (int32_t)(a + (uint32_t)b); break;
    case SUBTRACT: *variable = (int32_t)(a - (uint32_t)b); break;
    case MULTIPLY: *variable = (int32_t)(a * (uint32_t)b); break;
    default: *variable >>= b & 31;
    }
}

/* Goes on behind the End that closes so many blocks, or behind an Else of the innermost one. */
static void pass_over(struct run *run, unsigned blocks, bool to_else)
{
    const struct step *step;
    int32_t v[MOST_OPERANDS];
    while (blocks) {
        run->at += next_step(run, &step, v);
        run->index++;
        if (step->opcode == STEP_REPEAT || step->opcode == STEP_IF)
            blocks++;
        if (step->opcode == STEP_END && !--blocks)
            run->depth--;
        if (step->opcode == STEP_ELSE && blocks == 1 && to_else)
            return;
    }
}

static void open_at(struct run *run, unsigned again, bool repeats)
{
    run->open[run->depth++] = (struct open_block){(uint32_t)run->at, (uint16_t)run->index, (uint16_t)again, repeats};
}

static void leave_loop(struct run *run)
{
    unsigned blocks = 1;
    while (!run->open[run->depth - 1].repeats) {
        run->depth--;
        blocks++;
    }
    pass_over(run, blocks, false);
}

static void end_block(struct run *run)
{
    struct open_block *inner = &run->open[run->depth - 1];
    if (!inner->again) {
        run->depth--;
        return;
    }
    inner->again--;
    run->at = inner->at;
    run->index = inner->index;
}

void control_step(struct run *run, uint8_t opcode)   /* run->at is behind it */
{
    const int32_t *v = run->v;
    charge_control();
    switch (opcode) {
    case STEP_SET: change(run, v); break;
    case STEP_REPEAT:
        open_at(run, v[0] ? (unsigned)v[0] - 1 : 0, true);
        if (!v[0])
            pass_over(run, 1, false);
        break;
    case STEP_IF:
        open_at(run, 0, false);
        if (!holds(run, v))
            pass_over(run, 1, true);
        break;
    case STEP_ELSE: pass_over(run, 1, false); break;
    case STEP_LEAVE_IF:
        if (holds(run, v))
            leave_loop(run);
        break;
    case STEP_END: end_block(run); break;
    default: break;
    }
}
