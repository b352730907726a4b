/* Instruction words: those of a block object, and the controller's own in the vendor's kernel language. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

#include "array.h"

/* Hands on the words of a valid block, one after the other. */
void block_words(const uint8_t *block, size_t size, void (*take)(void *context, const struct icw *word), void *context);
/* Instructions with names and operands as people write them, "MOV(R5, SELECT); all", as words; returns how many. */
unsigned assemble(const char *text, struct icw *out);
/* A DREG := itself OR SELECT, in place: one word reads, the next loads (fact sheet 3.5). */
void or_selection(unsigned dreg, struct icw out[2]);
/* Which registers a word depends on and changes: R0 to R12 are bits 0 to 12, A to NEWS bits 13 to 19. */
void word_registers(const struct icw *word, uint32_t *reads, uint32_t *writes);

#endif
