/* The frame, or the program, in hand: one at a time. */
#ifndef FRAME_H
#define FRAME_H

#include "device.h"
#include "array.h"
#include "program.h"

extern struct store store;
extern uint64_t frames_done;

struct object *resident(const uint8_t digest[16], enum kind kind);   /* kind 0: any; not a use */

struct object *resident_or_flash(const uint8_t digest[16]);          /* what lies in flash becomes resident */

/* The open tree, and what is done with it. */
void tree_close(void);
void tree_open(const uint8_t digest[16], const struct object *tree, uint32_t fault_timeout_ms);
bool tree_is_open(void);
const uint8_t *tree_digest(void);                      /* zeros where none is open */

bool in_hand(void);                                    /* a frame or a program */
bool frame_in_hand(void);
bool scratch_is_taken(void);                           /* by bits that a node or program has read out */
void frame_begin(struct session *s, uint16_t request, uint32_t number);
/* Begins the next frame of the tree in flash where that is due and no host drives. */
void run_without_host(void);
void frame_cancel(uint32_t number);
void frame_part_came(uint32_t wire_bytes);             /* of any object, while a frame waits */
void put_came(uint32_t wire_bytes);                    /* a PUT is looked at: a frame that waits waits as long */
void program_begin(struct session *s, uint16_t request, const struct image *image);
void drop_in_hand(void);
bool is_needed(const uint8_t digest[16]);              /* must not be evicted */
void driver_present(struct session *s);                /* it has a wire again */

/* exposure.c: how long frames are exposed. */
void expose_frame(void);
bool exposure_set(uint8_t mode, uint32_t us);          /* as SET_EXPOSURE says; false: out of range */
void exposure_give_back(void);                         /* the session that set it is over */
uint8_t exposure_mode(void);
uint32_t exposure_us(void);                            /* of the next frame */

/* A plane is being sent to somebody: the array stays as it is until it is out, or that takes too long. */
bool plane_under_way(void);
/* Does a step; returns whether there is more to do at once. */
bool work_in_hand(void);

#endif
