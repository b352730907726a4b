/* Memory that is used in turn: by what decodes a block, which is done in one piece, and by the bits that a program has
 * read out and that a layer will take. While such bits lie here, no block may be decoded: see scratch_is_taken. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdint.h>

#include "limits.h"

union scratch {
    struct { uint32_t met[CONTEXTS]; int16_t of_zero[CONTEXTS]; } contexts;     /* blocks.c: of a block's code */
    uint8_t read_out[SCANNED_ROOM];                    /* sequencer.c: bits of DREGs */
};

extern union scratch scratch;

#endif
