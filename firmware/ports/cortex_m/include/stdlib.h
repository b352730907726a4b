#ifndef STDLIB_H
#define STDLIB_H
static inline int abs(int value) { return value < 0 ? -value : value; }
#endif
