// What `pixeltree bench vendor` times: frames of so many packets, of which half wait for an answer.
//
// Arguments: packets in a frame, seconds. Prints "frames" when it begins to time them, "kernels" when it has done so,
// and a line of JSON at the end.

#include <ctime>

#include <scamp5.hpp>

using namespace SCAMP5_PE;
using steady = std::chrono::steady_clock;

static void say(const char* words) {
    std::puts(words);
    std::fflush(stdout);
}

static double seconds_since(steady::time_point began) {
    return std::chrono::duration<double>(steady::now() - began).count();
}

// One packet that nobody waits for.
static void send(int number) {
    switch (number % 8) {
        case 0: sub(D, A, C); break;
        case 1: add(E, A, B); break;
        case 2: movx(F, D, west); break;
        case 3: AND(R6, R5, R7); break;
        case 4: OR(R7, R5); break;
        case 5: scamp5_load_pattern(R8, number, 3, 252, 252); break;
        case 6: divq(B, E); break;
        default: DNEWS(R9, R6, north); break;
    }
}

// One that waits.
static void ask(int number) {
    uint8_t data[64];
    switch (number % 6) {
        case 0: scamp5_read_areg(D, number, number / 2); break;
        case 1: scamp5_global_or(R6); break;
        case 2: scamp5_scan_boundingbox(R5, data); break;
        case 3: scamp5_global_sum_sparse(E, 1, 1, 252, 252); break;
        case 4: scamp5_global_sum_16(F, data); break;
        default: scamp5_scan_events(R8, data, 32); break;
    }
}

int main(int count, char** arguments) {
    const int packets = count > 1 ? std::atoi(arguments[1]) : 300;
    const double limit = count > 2 ? std::atof(arguments[2]) : 3;
    vs_init();
    scamp5_load_rect(R5, 20, 30, 120, 170);
    scamp5_in(A, 40);
    scamp5_in(C, 10);
    auto frame = [&] {
        vs_frame_loop_control();  // two packets, one of which waits
        for (int i = 2; i < packets; i++) i % 2 ? ask(i / 2) : send(i / 2);
        scamp5_read_areg(A, 0, 0);
    };
    for (int i = 0; i < 5; i++) frame();

    say("frames");
    const double cpu_before = double(std::clock()) / CLOCKS_PER_SEC;
    long frames = 0;
    auto began = steady::now();
    do frame(), frames++;
    while (seconds_since(began) < limit);
    const double took = seconds_since(began), cpu = double(std::clock()) / CLOCKS_PER_SEC - cpu_before;

    say("kernels");

    // Kernel calls: four macros each, and a read-out that waits for the result.
    const int kernels = 2000;
    auto call = [&] {
        scamp5_kernel_begin();
        sub(D, A, C);
        where(D);
        MOV(R6, FLAG);
        all();
        scamp5_kernel_end();
        return scamp5_read_areg(D, 5, 5);
    };
    for (int i = 0; i < 50; i++) call();
    began = steady::now();
    for (int i = 0; i < kernels; i++) call();
    const double each = seconds_since(began) / kernels;

    std::printf("{\"packets_per_frame\": %d, \"frames_per_s\": %.1f, \"us_per_kernel_call\": %.1f, "
                "\"answers_per_s\": %.0f, \"client_ms_per_frame\": %.3f, \"frames\": %ld}\n",
                packets, frames / took, each * 1e6, frames * (packets / 2) / took, 1e3 * cpu / frames, frames);
    return 0;
}
