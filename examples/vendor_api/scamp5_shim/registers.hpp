// Registers by the vendor's names; the numbers are the simulation protocol's.
#pragma once

#include <cstdint>

namespace SCAMP5_PE {

struct AREG {
    int16_t index;
};
struct DREG {
    int16_t index;
};
inline constexpr bool operator==(DREG a, DREG b) { return a.index == b.index; }

inline constexpr AREG PIX{1}, IN{2}, XN{4}, XE{5}, XS{6}, XW{7}, NEWS{9};
inline constexpr AREG A{10}, B{11}, C{12}, D{13}, E{14}, F{15};

inline constexpr DREG FLAG{1}, SELECT{2}, RECT{144};
inline constexpr DREG R0{3}, R1{4}, R2{5}, R3{6}, R4{7}, R5{8}, R6{9}, R7{10}, R8{11}, R9{12}, R10{13}, R11{14}, R12{15};
inline constexpr DREG RF = R0, RS = R1, RW = R2, RN = R3, RE = R4;
inline constexpr DREG S0 = R5, S1 = R6, S2 = R7, S3 = R8, S4 = R9, S5 = R10, S6 = R11, RP = R12;

// Their numbers differ between the vendor's headers; use the names.
enum news_t { north = 1, east = 2, south = 4, west = 8, alldir = 15 };
inline constexpr news_t operator|(news_t a, news_t b) { return news_t(int(a) | int(b)); }

}  // namespace SCAMP5_PE
using SCAMP5_PE::AREG;
using SCAMP5_PE::DREG;
using SCAMP5_PE::news_t;
