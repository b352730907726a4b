/* What the stepped controller asks of what stands for its array. */
#ifndef STEPPED_H
#define STEPPED_H

void array_open(const char *url);
void array_flush(void);

#endif
