/* How long frames of a tree are exposed: as long as the host wants, or by the brightness of the frame before. */
#include "frame.h"
#include "tables.h"

enum { FIXED, AUTO, AS_IT_IS };

static struct { uint32_t us; bool automatic; } exposure = {EXPOSURE_DEFAULT_US, false};

uint8_t exposure_mode(void) { return exposure.automatic ? AUTO : FIXED; }
uint32_t exposure_us(void) { return exposure.us; }

bool exposure_set(uint8_t mode, uint32_t us)
{
    if (mode > AS_IT_IS || us > EXPOSURE_MOST_US)
        return false;
    if (us)
        exposure.us = us;
    if (mode != AS_IT_IS)
        exposure.automatic = mode == AUTO;
    return true;
}

void exposure_give_back(void) { exposure_set(FIXED, EXPOSURE_DEFAULT_US); }

/* The exposure after one that has left so many counts, on average, above the reset level. */
static uint32_t next_exposure(int32_t counts)
{
    enum { DIMMEST = EXPOSURE_TARGET / EXPOSURE_GREATEST_STEP, BRIGHTEST = EXPOSURE_TARGET * EXPOSURE_GREATEST_STEP };
    if (100 * distance(EXPOSURE_TARGET - counts) <= EXPOSURE_NEAR_PERCENT * counts)
        return exposure.us;
    uint32_t divisor = (uint32_t)(counts < DIMMEST ? DIMMEST : counts > BRIGHTEST ? BRIGHTEST : counts);
    uint32_t next = (2 * exposure.us * EXPOSURE_TARGET + divisor) / (2 * divisor);
    return next < EXPOSURE_LEAST_US ? EXPOSURE_LEAST_US : next > EXPOSURE_MOST_US ? EXPOSURE_MOST_US : next;
}

void expose_frame(void)
{
    enum { NEWS = 6 };
    uint8_t code;
    array_expose(exposure.us);
    if (!exposure.automatic)
        return;
    launch();
    send_words(1, EXPOSURE_LOOK, NULL);                /* NEWS takes the negative of PIX */
    fast_sum(NEWS, &code);
    exposure.us = next_exposure(EXPOSURE_DARK - code);
}
