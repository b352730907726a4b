// Calls of the shim, one after the other; each shows a plane on a display of its own, or posts numbers.

#include <scamp5.hpp>

using namespace SCAMP5_PE;

static vs_handle display = 100;
static void show(AREG a) { scamp5_output_image(a, display++); }
static void show(DREG d) { scamp5_output_image(d, display++); }

// A = 4 x the two lowest bits of the column, B = 16 x those of the row, from patterns and levels of IN.
static void inputs() {
    res(A, B);
    const struct {
        int level, r, c, rx, cx;
        AREG to;
    } parts[] = {{4, 0, 1, 255, 254, A}, {8, 0, 2, 255, 253, A}, {16, 1, 0, 254, 255, B}, {32, 2, 0, 253, 255, B}};
    for (auto& part : parts) {
        scamp5_load_in(C, part.level);
        scamp5_load_pattern(R5, part.r, part.c, part.rx, part.cx);
        WHERE(R5);
        add(part.to, part.to, C);
        all();
    }
    scamp5_load_rect(R5, 10, 20, 40, 90);
    scamp5_load_rect(R6, 30, 60, 80, 120);
}

static void digital(void (*operation)(DREG, DREG, DREG)) {
    inputs();
    operation(R7, R5, R6);
    show(R7);
}

int main() {
    vs_init();
    vs_disable_frame_trigger();
    vs_frame_loop_control();
    inputs();
    show(A), show(B), show(R5), show(R6);  // 100 to 103

    add(C, A, B), show(C);
    sub(C, A, B), show(C);
    neg(C, A), show(C);
    sub(D, A, B), abs(C, D), show(C);
    divq(C, B), show(C);
    movx(C, A, west), show(C);
    movx(C, B, north), show(C);
    mov2x(C, A, west, west), show(C);  // 111
    subx(C, A, east, B), show(C);
    scamp5_in(C, -100), show(C);
    mov(C, A), scamp5_shift(C, 3, 0), show(C);
    mov(C, B), scamp5_shift(C, 0, -5), show(C);  // 115

    digital(AND);
    digital(NAND);
    digital(IMP);
    digital(NIMP);
    digital(XORX);  // 120
    inputs(), OR(R5, R6), show(R5);
    inputs(), NOT(R5), show(R5);
    inputs(), NOR(R5, R6), show(R5);
    inputs(), SET(R8), CLR(R9), MUX(R7, R5, R6, R8), show(R7);
    inputs(), CLR_IF(R5, R6), show(R5);  // 125
    inputs(), DNEWS(R7, R5, west), show(R7);
    inputs(), scamp5_shift(R5, -7, 4), show(R5);
    scamp5_load_point(R8, 50, 100), scamp5_flood(R8, R6, 0), show(R8);

    CLR(R10), scamp5_draw_begin(R10), scamp5_draw_line(5, 5, 40, 90), scamp5_draw_circle(100, 100, 30), scamp5_draw_end();
    show(R10);  // 129
    scamp5_output_bitstack_begin(display++, 2), scamp5_output_bitstack_bit(R5), scamp5_output_bitstack_bit(R6);
    vs_sim_save_image(B, "b.png");

    const uint8_t pixels[6] = {10, 20, 30, 40, 50, 60};
    vs_gui_display_image(display, pixels, 3, 2);  // 131
    vs_gui_save_image(display++, "shots\\own.bmp");
    scamp5_display_image_patch(display++, pixels, 2, 3, 100, 200);  // 132

    int32_t numbers[8] = {};
    uint8_t box[4], sums[16], events[6];
    inputs();
    numbers[0] = scamp5_read_areg(B, 3, 0);
    numbers[1] = scamp5_global_or(R5);
    scamp5_scan_boundingbox(R6, box);
    numbers[2] = box[0] << 24 | box[1] << 16 | box[2] << 8 | box[3];
    numbers[3] = scamp5_global_sum_16(A, sums);
    scamp5_scan_events(R5, events, 3);
    numbers[4] = events[4] << 8 | events[5];
    numbers[5] = scamp5_global_count(R6, E);
    vs_gui_request_file("weights.bin", [&](const uint8_t* data, int size, int) {
        for (int i = 0; i < size; i++) numbers[6] += data[i];
    });
    vs_gui_request_image("scene.npy", 8, [&](const uint8_t* data, int columns, int, int number) {
        numbers[7] += (data[columns / 8] & 1) << number;  // row 1, at the right edge
    });
    vs_gui_request_file("../b.png", [&](const uint8_t* data, int, int) { numbers[6] += data ? 0 : 100000; }, 100);
    vs_post_set_channel(7);
    vs_post_int32(numbers, 1, 8);
    vs_post_text("done");
    scamp5_read_areg(A, 0, 0);  // all has been executed
    return 0;
}
