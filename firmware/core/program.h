/* Programs in hand: what they are made of, whether they may run, and their steps one by one. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "kept_covers.h"
#include "objects.h"

/* A program with its objects, all of them resident. */
struct image {
    struct object *object;                             /* the program; NULL where it is no object of the store */
    const uint8_t *bytes;                              /* its bytes then */
    size_t size;
    unsigned block_count, segment_count;
    struct object *slots[MOST_SLOTS];                  /* the blocks, and behind them the segments */
};

static inline struct object *block_at(const struct image *image, int32_t slot) { return image->slots[slot]; }
static inline struct object *segment_at(const struct image *image, int32_t slot)
{
    return image->slots[image->block_count + (unsigned)slot];
}

/* The planes of a node, and what it may end in. node is NULL for a program of EXECUTE. */
struct manifest { uint32_t own, input; bool capture; unsigned exits; };

static inline const uint8_t *program_of(const struct image *image)
{
    return image->object ? image->object->data : image->bytes;
}

/* What is wrong with a program beside its form; NULL where it may run. */
const char *verify(const struct image *image, const struct manifest *node);

/* A block that is open: its first step, and how often it runs again. */
struct open_block { uint32_t at; uint16_t index, again; bool repeats; };

/* A program as it runs. Logits: those of the node before are first, then its own. */
struct run {
    const struct image *image;
    size_t at;                                         /* of the next step, in the program's bytes */
    unsigned index, count, times;                      /* of the next step, steps in all, done of this Launch */
    uint32_t scanned;                                  /* bytes read out of DREGs */
    int32_t *earlier, *logits;
    unsigned earlier_count, logit_count;
    int outcome;                                       /* -1 until it is decided */
    uint32_t read_out;                                 /* bytes that the last step read out */
    bool reads_out;
    uint8_t opcode;                                    /* the last step, and its operands */
    int32_t v[MOST_OPERANDS];
    const char *failure;                               /* why the frame ends; NULL */
    struct covers_passed covers;
    int32_t variables[VARIABLES];
    struct open_block open[MAX_NESTED];
    unsigned depth;
    uint16_t uses, step;                               /* before the last step; its index */
};

/* node: NULL for a program of EXECUTE. */
void run_begin(struct run *run, struct object *node, const struct image *image, int32_t *earlier, unsigned earlier_count,
               int32_t *logits);
/* Does a step, or a part of a long one; true where a step is done. The program has ended where index == count. */
bool run_step(struct run *run);
/* Bytes of what the last step read out, from at on: at most PART, into out; returns how many. The array must be as the
 * step left it, for long read-outs are only fetched now. */
uint32_t read_part(const struct run *run, uint32_t at, uint8_t *out);

/* course.c: variables, loops and branches. Zeros before the first step; what is wrong with the next one, or NULL.
 * times: how often it may run; within: whether it stands in a block. */
struct block_checked { uint32_t times; bool repeats, had_else; };
struct nesting {
    struct block_checked open[MAX_NESTED];
    unsigned depth, repeats;
    uint32_t times, read_out;                          /* of the last step that is no Take: bytes */
    uint16_t uses;
    uint8_t reader;
    bool within;
};
const char *nesting_enter(struct nesting *nesting, const struct step *step, const int32_t *v);
const char *nesting_end(const struct nesting *nesting);
bool is_control(uint8_t opcode);
/* The next step, into run->v with the values of the variables that it uses; its bytes. again: it goes on. */
size_t read_with_uses(struct run *run, const struct step **step, bool again);
void control_step(struct run *run, uint8_t opcode);    /* run->at and run->index are behind it */
void take_read_out(struct run *run);                   /* what the last step reads out, where Takes follow it */

/* controller.c: steps of the vendor's controller API; returns the bytes read out, and whether it reads any. */
bool control(uint8_t opcode, const int32_t *v, uint8_t *out, uint32_t *size);
uint32_t fast_sum(unsigned areg, uint8_t *out);        /* one sample of the whole array; 1, as of all read-outs its bytes */
void drive_level(int level);                           /* IN, and what it is driven to */
extern int in_level;
/* Sends the controller's own words, without a launch; each $ in the text stands for the next of the names. */
void send_words(unsigned times, const char *text, const char *const *names);
#define NAMES(...) ((const char *const[]){__VA_ARGS__})
void launch(void);
/* A DREG loaded with SELECT, or ORed with it, which takes two words; without a launch. */
void load_selection(unsigned dreg);
void merge_selection(unsigned dreg);
/* Selections that the program sees. Those that read-outs need for themselves are undone by select_again. */
void select_pattern(unsigned r, unsigned c, unsigned rx, unsigned cx);
void select_rectangle(unsigned r0, unsigned c0, unsigned r1, unsigned c1);
void select_again(void);

/* head.c: the logits of a fully connected layer, from the bits that were read out. */
void fully_connected(const uint8_t *segment, const uint8_t *bits, int32_t *logits);
uint32_t bits_wanted(const uint8_t *segment);          /* bits that it takes, those left out included */
/* A field of a packed segment: width bits from bit on. packed_bits: how many it has; 0 where it is not packed. */
uint32_t packed_field(const uint8_t *segment, size_t size, uint32_t bit, unsigned width);
uint32_t packed_bits(const uint8_t *segment, size_t size);

#endif
