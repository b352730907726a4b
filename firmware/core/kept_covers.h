/* Covers of the nodes that are resident, so that each is searched once and not in every frame. */
#ifndef KEPT_COVERS_H
#define KEPT_COVERS_H

#include "cover.h"
#include "objects.h"

/* Where a run of a node is among its covers; its steps come in the same order each time. */
struct covers_passed {
    struct object *node;                               /* NULL: nothing is kept */
    uint16_t bytes;                                    /* of those that were passed */
};

/* The next cover, where it is kept; false otherwise. */
bool covers_read(struct covers_passed *passed, unsigned positions, struct cube *out, unsigned *count);
/* Keeps the next one, where there is room for it: nodes that were not used for the longest time lose theirs. */
void covers_keep(struct covers_passed *passed, unsigned positions, const struct cube *cubes, unsigned count);
void covers_forget(struct object *node);

#endif
