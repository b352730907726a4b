/* Written by tools/make_firmware_tables.py; do not change it by hand. */
#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

enum {
    STEP_LAUNCH = 1,
    STEP_SET_IN = 2,
    STEP_SELECT_PATTERN = 3,
    STEP_SELECT_RECT = 4,
    STEP_SCAN_DREG = 6,
    STEP_APPLY_FULLY_CONNECTED = 7,
    STEP_ARGMAX = 8,
    STEP_LOAD_COVER = 9,
    STEP_SCAN_LOGITS = 10,
    STEP_SUM_LOGIT = 11,
    STEP_RAISE_IN = 13,
    STEP_ADD_LOGITS = 14,
    STEP_PROCEED = 15,
    STEP_WRITE_DREG = 16,
    STEP_SET_DAC = 20,
    STEP_LOAD_IN = 21,
    STEP_IN = 22,
    STEP_LOAD_DAC = 23,
    STEP_GET_IMAGE = 24,
    STEP_SHIFT_AREG = 25,
    STEP_DIFFUSE = 26,
    STEP_READ_AREG = 27,
    STEP_GLOBAL_SUM16 = 28,
    STEP_GLOBAL_SUM64 = 29,
    STEP_GLOBAL_SUM_FAST = 30,
    STEP_GLOBAL_SUM_SPARSE = 31,
    STEP_GLOBAL_SUM_REGION = 32,
    STEP_SHIFT_DREG = 33,
    STEP_GLOBAL_OR = 34,
    STEP_GLOBAL_COUNT = 35,
    STEP_FLOOD = 36,
    STEP_LOAD_PATTERN = 37,
    STEP_LOAD_RECT = 38,
    STEP_DRAW_PIXEL = 39,
    STEP_DRAW_POINT = 40,
    STEP_DRAW_RECT = 41,
    STEP_DRAW_LINE = 42,
    STEP_DRAW_CIRCLE = 43,
    STEP_DRAW_NEGATE = 44,
    STEP_SCAN_AREG = 45,
    STEP_SCAN_AREG_MEAN8X8 = 46,
    STEP_SCAN_EVENTS = 47,
    STEP_SCAN_BOUNDING_BOX = 48,
    STEP_EXPOSE = 49,
    STEP_WAIT = 50,
    STEP_GET_PARAMETER = 51,
    STEP_SET = 60,
    STEP_TAKE = 61,
    STEP_USE = 62,
    STEP_REPEAT = 63,
    STEP_LEAVE_IF = 64,
    STEP_IF = 65,
    STEP_ELSE = 66,
    STEP_END = 67,
    STEP_ANSWER = 68,
};

/* An operand: its bytes, negative where it is signed; least and most. */
static const struct operand { int8_t bytes; int32_t least, most; } OPERANDS[] = {
    {-4, -2147483648, 2147483647},
    {-2, -256, 511},
    {-2, -255, 255},
    {-1, -128, 127},
    {1, 0, 1},
    {1, 0, 4},
    {1, 0, 5},
    {1, 0, 6},
    {1, 0, 7},
    {1, 0, 8},
    {1, 0, 9},
    {1, 0, 11},
    {1, 0, 12},
    {1, 0, 63},
    {1, 0, 254},
    {1, 0, 255},
    {1, 1, 5},
    {1, 1, 12},
    {1, 1, 127},
    {1, 1, 255},
    {1, 4, 11},
    {2, 0, 4000},
    {2, 0, 4095},
    {2, 0, 65535},
    {2, 1, 256},
    {2, 1, 1024},
    {2, 1, 65535},
    {4, 0, 10000000},
};
enum { MOST_OPERANDS = 10 };
/* A step. corners: 1 + the place of r0 where r1, c1 must not lie before r0, c0; else 0.
   analog: which operands name AREGs; reads, writes, distinct: which operands name registers that
   it reads, writes, or that must differ; varies: which ones a variable may give. own, clobbers:
   masks of registers, R0 to R12 from bit 0 on, A to NEWS from bit 13 on. operands: in OPERANDS. */
struct step {
    uint8_t opcode, count, corners;
    uint16_t analog, reads, writes, distinct, varies;
    uint32_t own, clobbers;
    uint8_t operands[MOST_OPERANDS];
};
enum { AREG_BIT = 13 };

static const struct step STEPS[] = {
    {STEP_LAUNCH, 2, 0, 0x0, 0x0, 0x0, 0x0, 0x2, 0x0u, 0x0u, {14, 25}},
    {STEP_SET_IN, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x1, 0x0u, 0x0u, {3}},
    {STEP_SELECT_PATTERN, 4, 0, 0x0, 0x0, 0x0, 0x0, 0x3, 0x0u, 0x0u, {15, 15, 15, 15}},
    {STEP_SELECT_RECT, 4, 0, 0x0, 0x0, 0x0, 0x0, 0xf, 0x0u, 0x0u, {15, 15, 15, 15}},
    {STEP_SCAN_DREG, 4, 0, 0x0, 0x1, 0x0, 0x0, 0x2, 0x0u, 0x0u, {12, 15, 19, 24}},
    {STEP_APPLY_FULLY_CONNECTED, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {14}},
    {STEP_ARGMAX, 0, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {0}},
    {STEP_LOAD_COVER, 9, 0, 0x0, 0x0, 0x1e0, 0x0, 0x0, 0x0u, 0x0u, {14, 14, 14, 23, 9, 11, 11, 11, 11}},
    {STEP_SCAN_LOGITS, 10, 5, 0x8, 0x8, 0x0, 0x0, 0x0, 0x0u, 0x0u, {14, 23, 18, 7, 15, 15, 15, 15, 19, 19}},
    {STEP_SUM_LOGIT, 10, 0, 0x8, 0x8, 0x0, 0x0, 0x0, 0x0u, 0x0u, {14, 23, 26, 7, 15, 15, 15, 15, 9, 9}},
    {STEP_RAISE_IN, 7, 2, 0x1, 0x1, 0x0, 0x0, 0x60, 0x0u, 0x0u, {7, 15, 15, 15, 15, 3, 3}},
    {STEP_ADD_LOGITS, 0, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {0}},
    {STEP_PROCEED, 0, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {0}},
    {STEP_WRITE_DREG, 2, 0, 0x0, 0x0, 0x2, 0x0, 0x0, 0x0u, 0x0u, {14, 12}},
    {STEP_SET_DAC, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x1, 0x0u, 0x0u, {22}},
    {STEP_LOAD_IN, 3, 0, 0x5, 0x0, 0x5, 0x5, 0x2, 0x0u, 0x0u, {7, 3, 7}},
    {STEP_IN, 3, 0, 0x5, 0x0, 0x5, 0x5, 0x2, 0x0u, 0x0u, {7, 3, 7}},
    {STEP_LOAD_DAC, 3, 0, 0x5, 0x0, 0x5, 0x5, 0x2, 0x0u, 0x0u, {7, 22, 7}},
    {STEP_GET_IMAGE, 3, 0, 0x3, 0x0, 0x3, 0x3, 0x4, 0x0u, 0x80000u, {6, 6, 16}},
    {STEP_SHIFT_AREG, 3, 0, 0x1, 0x1, 0x1, 0x0, 0x6, 0x0u, 0x80000u, {6, 2, 2}},
    {STEP_DIFFUSE, 5, 0, 0x11, 0x1, 0x11, 0x11, 0x2, 0x0u, 0x6u, {7, 15, 4, 4, 7}},
    {STEP_READ_AREG, 3, 0, 0x1, 0x1, 0x0, 0x0, 0x6, 0x0u, 0x0u, {7, 15, 15}},
    {STEP_GLOBAL_SUM16, 1, 0, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {7}},
    {STEP_GLOBAL_SUM64, 1, 0, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {7}},
    {STEP_GLOBAL_SUM_FAST, 1, 0, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {7}},
    {STEP_GLOBAL_SUM_SPARSE, 5, 0, 0x1, 0x1, 0x0, 0x0, 0x6, 0x0u, 0x0u, {7, 15, 15, 15, 15}},
    {STEP_GLOBAL_SUM_REGION, 5, 0, 0x1, 0x1, 0x0, 0x0, 0x1e, 0x0u, 0x0u, {7, 15, 15, 15, 15}},
    {STEP_SHIFT_DREG, 5, 0, 0x0, 0x1, 0x1, 0x0, 0x0, 0x1eu, 0x1fu, {12, 2, 2, 4, 15}},
    {STEP_GLOBAL_OR, 5, 0, 0x0, 0x1, 0x0, 0x0, 0x6, 0x0u, 0x0u, {12, 15, 15, 15, 15}},
    {STEP_GLOBAL_COUNT, 3, 0, 0x2, 0x1, 0x2, 0x0, 0x0, 0x0u, 0x0u, {12, 7, 4}},
    {STEP_FLOOD, 5, 0, 0x0, 0x3, 0x1, 0x3, 0x8, 0x0u, 0x101fu, {17, 12, 4, 15, 4}},
    {STEP_LOAD_PATTERN, 5, 0, 0x0, 0x0, 0x1, 0x0, 0x6, 0x0u, 0x0u, {12, 15, 15, 15, 15}},
    {STEP_LOAD_RECT, 5, 0, 0x0, 0x0, 0x1, 0x0, 0x1e, 0x0u, 0x0u, {12, 15, 15, 15, 15}},
    {STEP_DRAW_PIXEL, 3, 0, 0x0, 0x1, 0x1, 0x0, 0x6, 0xcu, 0xcu, {12, 1, 1}},
    {STEP_DRAW_POINT, 3, 0, 0x0, 0x1, 0x1, 0x0, 0x6, 0xcu, 0xcu, {12, 1, 1}},
    {STEP_DRAW_RECT, 5, 0, 0x0, 0x1, 0x1, 0x0, 0x1e, 0xcu, 0xcu, {12, 15, 15, 15, 15}},
    {STEP_DRAW_LINE, 6, 0, 0x0, 0x1, 0x1, 0x0, 0x0, 0xcu, 0xcu, {12, 1, 1, 1, 1, 4}},
    {STEP_DRAW_CIRCLE, 5, 0, 0x0, 0x1, 0x1, 0x0, 0xe, 0xcu, 0xcu, {12, 1, 1, 15, 4}},
    {STEP_DRAW_NEGATE, 1, 0, 0x0, 0x1, 0x1, 0x0, 0x0, 0xcu, 0xcu, {12}},
    {STEP_SCAN_AREG, 7, 2, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {7, 15, 15, 15, 15, 19, 19}},
    {STEP_SCAN_AREG_MEAN8X8, 1, 0, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {7}},
    {STEP_SCAN_EVENTS, 5, 0, 0x0, 0x1, 0x0, 0x0, 0x2, 0x0u, 0x0u, {12, 21, 4, 4, 4}},
    {STEP_SCAN_BOUNDING_BOX, 1, 0, 0x0, 0x1, 0x0, 0x0, 0x0, 0x0u, 0x0u, {12}},
    {STEP_EXPOSE, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x1, 0x0u, 0x0u, {27}},
    {STEP_WAIT, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x1, 0x0u, 0x0u, {27}},
    {STEP_GET_PARAMETER, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {20}},
    {STEP_SET, 4, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {8, 5, 4, 0}},
    {STEP_TAKE, 3, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {8, 5, 13}},
    {STEP_USE, 2, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {10, 8}},
    {STEP_REPEAT, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x1, 0x0u, 0x0u, {23}},
    {STEP_LEAVE_IF, 4, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {8, 6, 4, 0}},
    {STEP_IF, 4, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {8, 6, 4, 0}},
    {STEP_ELSE, 0, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {0}},
    {STEP_END, 0, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {0}},
    {STEP_ANSWER, 1, 0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0u, 0x0u, {8}},
};
enum { STEP_COUNT = 55 };

static inline int32_t distance(int32_t a) { return a < 0 ? -a : a; }
static inline int32_t greater(int32_t a, int32_t b) { return a > b ? a : b; }

/* Instruction words that take as long as a step, and bytes that it reads out. */
static inline uint32_t step_words(uint8_t opcode, const int32_t *v)
{
    (void)v;
    switch (opcode) {
    case STEP_SET_IN: return (uint32_t)(20);
    case STEP_SELECT_PATTERN: return (uint32_t)(5);
    case STEP_SELECT_RECT: return (uint32_t)(10);
    case STEP_SCAN_DREG: return (uint32_t)(48 * v[3]);
    case STEP_SCAN_LOGITS: return (uint32_t)(10 * ((v[6] - v[4]) / v[8] + 1) * ((v[7] - v[5]) / v[9] + 1));
    case STEP_SUM_LOGIT: return (uint32_t)(40);
    case STEP_RAISE_IN: return (uint32_t)(30);
    case STEP_WRITE_DREG: return (uint32_t)(650000);
    case STEP_SET_DAC: return (uint32_t)(80);
    case STEP_LOAD_IN: return (uint32_t)(80);
    case STEP_IN: return (uint32_t)(80);
    case STEP_LOAD_DAC: return (uint32_t)(80);
    case STEP_GET_IMAGE: return (uint32_t)(80);
    case STEP_SHIFT_AREG: return (uint32_t)(540);
    case STEP_DIFFUSE: return (uint32_t)(540);
    case STEP_READ_AREG: return (uint32_t)(9);
    case STEP_GLOBAL_SUM16: return (uint32_t)(144);
    case STEP_GLOBAL_SUM64: return (uint32_t)(576);
    case STEP_GLOBAL_SUM_FAST: return (uint32_t)(9);
    case STEP_GLOBAL_SUM_SPARSE: return (uint32_t)(9);
    case STEP_GLOBAL_SUM_REGION: return (uint32_t)(9);
    case STEP_SHIFT_DREG: return (uint32_t)(30 + 4 * (distance(v[1]) + distance(v[2])));
    case STEP_GLOBAL_OR: return (uint32_t)(9);
    case STEP_GLOBAL_COUNT: return (uint32_t)(656);
    case STEP_FLOOD: return (uint32_t)(540);
    case STEP_LOAD_PATTERN: return (uint32_t)(9);
    case STEP_LOAD_RECT: return (uint32_t)(18);
    case STEP_DRAW_PIXEL: return (uint32_t)(17);
    case STEP_DRAW_POINT: return (uint32_t)(17);
    case STEP_DRAW_RECT: return (uint32_t)(22);
    case STEP_DRAW_LINE: return (uint32_t)(17 * (greater(distance(v[3] - v[1]), distance(v[4] - v[2])) + 1));
    case STEP_DRAW_CIRCLE: return (uint32_t)(34816);
    case STEP_DRAW_NEGATE: return (uint32_t)(12);
    case STEP_SCAN_AREG: return (uint32_t)(9 * ((v[3] - v[1]) / v[5] + 1) * ((v[4] - v[2]) / v[6] + 1));
    case STEP_SCAN_AREG_MEAN8X8: return (uint32_t)(576);
    case STEP_SCAN_EVENTS: return (uint32_t)(9 * v[1]);
    case STEP_SCAN_BOUNDING_BOX: return (uint32_t)(40);
    case STEP_EXPOSE: return (uint32_t)(10 * v[0]);
    case STEP_WAIT: return (uint32_t)(10 * v[0]);
    case STEP_GET_PARAMETER: return (uint32_t)(9);
    case STEP_SET: return (uint32_t)(1);
    case STEP_TAKE: return (uint32_t)(1);
    case STEP_USE: return (uint32_t)(1);
    case STEP_REPEAT: return (uint32_t)(1);
    case STEP_LEAVE_IF: return (uint32_t)(1);
    case STEP_IF: return (uint32_t)(1);
    case STEP_ELSE: return (uint32_t)(1);
    case STEP_END: return (uint32_t)(1);
    case STEP_ANSWER: return (uint32_t)(1);
    default: return 0;
    }
}

static inline uint32_t step_read_out(uint8_t opcode, const int32_t *v)
{
    (void)v;
    switch (opcode) {
    case STEP_SCAN_DREG: return (uint32_t)(32 * v[3]);
    case STEP_READ_AREG: return (uint32_t)(1);
    case STEP_GLOBAL_SUM16: return (uint32_t)(16);
    case STEP_GLOBAL_SUM64: return (uint32_t)(64);
    case STEP_GLOBAL_SUM_FAST: return (uint32_t)(1);
    case STEP_GLOBAL_SUM_SPARSE: return (uint32_t)(1);
    case STEP_GLOBAL_SUM_REGION: return (uint32_t)(1);
    case STEP_GLOBAL_OR: return (uint32_t)(1);
    case STEP_GLOBAL_COUNT: return (uint32_t)(2);
    case STEP_DRAW_POINT: return (uint32_t)(1);
    case STEP_SCAN_AREG: return (uint32_t)(((v[3] - v[1]) / v[5] + 1) * ((v[4] - v[2]) / v[6] + 1));
    case STEP_SCAN_AREG_MEAN8X8: return (uint32_t)(64);
    case STEP_SCAN_EVENTS: return (uint32_t)(2 * v[1]);
    case STEP_SCAN_BOUNDING_BOX: return (uint32_t)(4);
    case STEP_GET_PARAMETER: return (uint32_t)(4);
    case STEP_ANSWER: return (uint32_t)(4);
    default: return 0;
    }
}

enum {
    MAX_WORDS_PER_NODE = 1000000,
    MAX_WORDS_IMMEDIATE = 10000000,
    MAX_SCANNED_BITS = 1048576,
    MAX_READ_OUT_BYTES = 1048576,
    MAX_READ_OUTS = 4096,
    MAX_WAITING_US = 60000000,
    BLOCK_STEP_WORDS = 10,
    MAX_NESTED = 8,
    MOST_TIMES = 16777216,
    VARIABLES = 8,
    TAKEN_BYTES = 64,
    MAX_DEPTH = 128,
    MAX_PATH_LOGITS = 15000
};

/* Device time of each step, in ns unless the name says otherwise (chip/costs.py). */
enum {
    COST_WORD_NS = 100,
    COST_ANALOG_WORD_NS = 100,
    COST_DIGITAL_WORD_NS = 100,
    COST_DNEWS_WORD_NS = 100,
    COST_PROP_WORD_NS = 100,
    COST_AER_WORD_NS = 100,
    COST_DOUT_WORD_NS = 100,
    COST_FAST_WORD_NS = 100,
    COST_LAUNCH_NS = 1000,
    COST_SELECT_NS = 500,
    COST_SELECT_RECT_NS = 1000,
    COST_SET_IN_NS = 2000,
    COST_SCAN_BYTE_NS = 150,
    COST_ADC_SAMPLE_NS = 900,
    COST_GLOBAL_OR_NS = 500,
    COST_EVENT_NS = 900,
    COST_BOUNDING_BOX_NS = 4000,
    COST_COPY_BYTE_NS = 10,
    COST_OPERATION_NS = 5,
    COST_RESULT_NS = 20000,
    COST_LINE_BITS_PER_SECOND = 12000000,
    COST_FULLY_CONNECTED_OPERATIONS = 16,
    COST_SAMPLE_LOGIT_OPERATIONS = 8,
    COST_TERNARY_OPERATIONS = 10,
    COST_CONTROL_OPERATIONS = 10,
};

/* Commands to an array behind a socket: docs/reference/array_port.md. */
enum {
    ARRAY_DESCRIBE = 0,
    ARRAY_LOAD = 1,
    ARRAY_EXECUTE = 2,
    ARRAY_DRIVE_DAC = 3,
    ARRAY_LATCH = 4,
    ARRAY_RECTANGLE = 5,
    ARRAY_SAMPLE = 6,
    ARRAY_SAMPLE_GRID = 7,
    ARRAY_READ_ROWS = 8,
    ARRAY_GLOBAL_OR = 9,
    ARRAY_EVENTS = 10,
    ARRAY_BOUNDING_BOX = 11,
    ARRAY_WRITE_ROWS = 12,
    ARRAY_CYCLES = 13,
    ARRAY_BEGIN_FRAME = 20,
    ARRAY_ELAPSE = 21,
    ARRAY_EXPOSE = 22,
    ARRAY_BEGIN_EXPOSURE = 23,
    ARRAY_SHOW = 24,
    ARRAY_MAX_BATCH = 1048576,
    ARRAY_PIX = 7,
    ARRAY_FLAG = 13
};

/* Exposure of frames of a tree, and how it follows the brightness (chip/exposure.py). */
#define EXPOSURE_LOOK "all; bus(NEWS, PIX)"
enum {
    EXPOSURE_DARK = 255,
    EXPOSURE_TARGET = 64,
    EXPOSURE_NEAR_PERCENT = 8,
    EXPOSURE_GREATEST_STEP = 2,
    EXPOSURE_LEAST_US = 1,
    EXPOSURE_MOST_US = 1000000,
    EXPOSURE_DEFAULT_US = 16666,
};

#endif
