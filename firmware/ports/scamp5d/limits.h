/* Sizes for the LPC43xx of a SCAMP-5d. How much of its memory an application may have is OPEN. */
#include "../cortex_m/limits.h"
#undef STORE_SECTION
#define STORE_SECTION
