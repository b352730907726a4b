/* An instruction, with its operands by number: what a block's code and the text of a kernel both become. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include "array.h"

enum { REGISTERS = 29, MNEMONICS = 27, UNNAMED = 27, MOST_NAMED = 15, CLOCKS = 7 };

/* Operands by group: 0 destinations, 1 sources. An UNNAMED one is its bits, and has no operands. */
struct instruction { uint8_t mnemonic, count[2], operands[2][MOST_NAMED], bits[10], clock; };

bool is_instruction(const struct instruction *instruction);
struct icw icw_of(const struct instruction *instruction);
/* The instruction at text, whose end text becomes; operands in the order in which they are written. */
struct instruction read_instruction(const char **text);

#endif
