/* Memory for work that is done in one piece: what lies here is of no use once the function that wrote it has returned. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdint.h>

#include "limits.h"

union scratch {
    struct { uint32_t met[CONTEXTS]; int16_t of_zero[CONTEXTS]; } contexts;     /* blocks.c: of a block's code */
    uint8_t inputs[8192];                              /* head.c: those of a layer that leaves columns out */
    uint8_t events[8000], samples[PART];               /* of a read-out, on their way into an answer */
};

extern union scratch scratch;

#endif
