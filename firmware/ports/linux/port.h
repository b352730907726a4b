/* What the parts of this port know of each other. */
#ifndef PORT_H
#define PORT_H

#include "../../core/array.h"

void array_connect(const char *url);                   /* or the process ends with a sentence */
void array_flush(void);                                /* sends the commands that wait */

#endif
