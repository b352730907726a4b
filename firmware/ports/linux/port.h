/* What the parts of this port know of each other. */
#ifndef PORT_H
#define PORT_H

#include "../array_channel.h"

void array_connect(const char *url);                   /* or the process ends with a sentence */

#endif
