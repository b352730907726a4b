/* An emulated array behind a socket, as the Linux port has it. */
#include "../linux/port.h"
#include "stepped.h"

void array_open(const char *url) { array_connect(url); }
