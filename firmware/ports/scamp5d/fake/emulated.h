/* The functions of core/array.h once more, under other names: those of the array that stands behind the fake. */
#ifndef EMULATED_H
#define EMULATED_H

#define array_begin emulated_begin
#define array_flush emulated_flush
#define array_has_opinions emulated_has_opinions
#define array_takes emulated_takes
#define array_load emulated_load
#define array_execute emulated_execute
#define array_drive emulated_drive
#define array_latch emulated_latch
#define array_rectangle emulated_rectangle
#define array_sample emulated_sample
#define array_grid emulated_grid
#define array_rows emulated_rows
#define array_or emulated_or
#define array_events emulated_events
#define array_box emulated_box
#define array_write emulated_write
#define array_begin_frame emulated_begin_frame
#define array_elapse emulated_elapse
#define array_expose emulated_expose
#define array_begin_exposure emulated_begin_exposure
#define array_show emulated_show
#define array_shows_pix_and_flag emulated_shows_pix_and_flag

#ifdef __cplusplus
extern "C" {
#endif
#include "../../array_channel.h"
#include "../../linux/port.h"
#ifdef __cplusplus
}
#endif

#endif
