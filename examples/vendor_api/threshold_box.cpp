// Shows the camera, what is brighter than a slider says, and a box around it.
//
//   g++ -std=c++17 -O2 -Iexamples/vendor_api examples/vendor_api/threshold_box.cpp -o threshold_box
//   pixeltree emulate --listen vendor-sim://127.0.0.1:27715 --listen vendor-host://127.0.0.1:27888 --source moving
//   ./threshold_box            (frames to run as an argument; without one it never ends)

#include <scamp5.hpp>

using namespace SCAMP5_PE;

int main(int count, char** arguments) {
    const long frames = count > 1 ? std::atol(arguments[1]) : -1;
    vs_init();

    auto camera = vs_gui_add_display("camera", 0, 0, 2);
    auto bright = vs_gui_add_display("brighter than the threshold", 0, 2, 2);
    auto shares = vs_gui_add_display("share of bright pixels", 2, 0, 2);
    vs_gui_set_scope(shares, 0, 4095, 100);

    int threshold = 40, outline = 1;
    vs_gui_add_slider("threshold", -127, 127, threshold, &threshold);
    vs_gui_add_switch("box", outline, &outline);

    for (long frame = 0; frames < 0 || frame < frames; frame++) {
        vs_frame_loop_control();

        scamp5_get_image(A, B);
        scamp5_in(C, threshold);
        scamp5_kernel_begin();
        sub(D, A, C);
        where(D);
        MOV(R5, FLAG);
        all();
        scamp5_kernel_end();

        scamp5_output_image(A, camera);
        scamp5_output_image(R5, bright);

        uint8_t box[4];  // top, right, bottom, left
        scamp5_scan_boundingbox(R5, box);
        if (outline && scamp5_global_or(R5)) scamp5_display_boundingbox(bright, box);

        const int32_t share = scamp5_global_count(R5, E);
        vs_post_set_channel(shares);
        vs_post_int32(&share, 1, 1);
        vs_post_text("frame %u: rows %d to %d, columns %d to %d", vs_loop_counter_get(), box[0], box[2], box[1], box[3]);
    }
    return 0;
}
