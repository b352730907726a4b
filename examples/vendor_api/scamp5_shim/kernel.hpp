// The kernel API: single words, and macros with the word sequences of a device.
#pragma once

#include "link.hpp"
#include "registers.hpp"

namespace scamp5_shim {

// Instructions that are sent together, as one packet, when it goes out of scope.
class macro {
  public:
    ~macro() { link::the().send(KERNEL, rows_); }
    macro& add(opcode code, std::initializer_list<int> operands) {
        put_instruction(rows_, code, operands);
        return *this;
    }
    macro& bus(AREG d) { return add(BUS_0, {d.index}); }
    macro& bus(AREG d, AREG a) { return add(BUS_1, {d.index, a.index}); }
    macro& bus(AREG d, AREG a, AREG b) { return add(BUS_2, {d.index, a.index, b.index}); }
    macro& bus(AREG d, AREG a, AREG b, AREG c) { return add(BUS_3, {d.index, a.index, b.index, c.index}); }
    macro& bus(AREG d, AREG a, AREG b, AREG c, AREG e) {
        return add(BUS_4, {d.index, a.index, b.index, c.index, e.index});
    }
    macro& bus2(AREG d, AREG e) { return add(BUS2_0, {d.index, e.index}); }
    macro& bus2(AREG d, AREG e, AREG a) { return add(BUS2_1, {d.index, e.index, a.index}); }
    macro& bus2(AREG d, AREG e, AREG a, AREG b) { return add(BUS2_2, {d.index, e.index, a.index, b.index}); }
    macro& where(AREG a) { return add(WHERE_ANALOG_1, {a.index}); }
    macro& all() { return add(ALL, {}); }
    macro& mov(DREG d, DREG s) { return add(MOV_1, {d.index, s.index}); }
    macro& not_(DREG d, DREG s) { return add(NOT_1, {d.index, s.index}); }
    macro& or_(DREG d, DREG a, DREG b) { return add(OR_2, {d.index, a.index, b.index}); }
    macro& nor(DREG d, DREG a, DREG b) { return add(NOR_2, {d.index, a.index, b.index}); }
    macro& set(DREG d) { return add(SET_1, {d.index}); }

  private:
    bytes rows_;
};

inline constexpr DREG buffer{0};  // .RB, by which the simulation has the two-word forms

inline AREG port(news_t at) {
    using namespace SCAMP5_PE;
    return at == north ? XN : at == east ? XE : at == south ? XS : XW;
}

inline AREG opposite(news_t at) {
    using namespace SCAMP5_PE;
    return at == north ? XS : at == east ? XW : at == south ? XN : XE;
}

}  // namespace scamp5_shim

// A kernel: the texts tell the array where a launch begins.
inline void scamp5_kernel_begin() { scamp5_shim::link::the().text("kernel begin:"); }
inline void scamp5_kernel_end() { scamp5_shim::link::the().text("kernel end"); }

namespace SCAMP5_PE {

using scamp5_shim::macro;

// ---- single words ----
inline void word(scamp5_shim::opcode code, std::initializer_list<int> operands) {
    scamp5_shim::link::the().instruction(code, operands);
}
inline void nop() { word(scamp5_shim::NOP, {}); }
inline void rpix() { word(scamp5_shim::RPIX, {}); }
inline void all() { word(scamp5_shim::ALL, {}); }
inline void ALL() { all(); }
inline void bus(AREG d) { word(scamp5_shim::BUS_0, {d.index}); }
inline void bus(AREG d, AREG a) { word(scamp5_shim::BUS_1, {d.index, a.index}); }
inline void bus(AREG d, AREG a, AREG b) { word(scamp5_shim::BUS_2, {d.index, a.index, b.index}); }
inline void bus(AREG d, AREG a, AREG b, AREG c) { word(scamp5_shim::BUS_3, {d.index, a.index, b.index, c.index}); }
inline void bus(AREG d, AREG a, AREG b, AREG c, AREG e) {
    word(scamp5_shim::BUS_4, {d.index, a.index, b.index, c.index, e.index});
}
inline void bus2(AREG d, AREG e) { word(scamp5_shim::BUS2_0, {d.index, e.index}); }
inline void bus2(AREG d, AREG e, AREG a) { word(scamp5_shim::BUS2_1, {d.index, e.index, a.index}); }
inline void bus2(AREG d, AREG e, AREG a, AREG b) { word(scamp5_shim::BUS2_2, {d.index, e.index, a.index, b.index}); }
inline void bus3(AREG d, AREG e, AREG f, AREG a) { word(scamp5_shim::BUS3, {d.index, e.index, f.index, a.index}); }
inline void blurset() { word(scamp5_shim::BLURSET, {}); }
inline void blur(AREG d, AREG a) { word(scamp5_shim::BLUR, {d.index, a.index}); }
inline void blurh(AREG d, AREG a) { word(scamp5_shim::BLURH, {d.index, a.index}); }
inline void blurv(AREG d, AREG a) { word(scamp5_shim::BLURV, {d.index, a.index}); }
inline void where(AREG a) { word(scamp5_shim::WHERE_ANALOG_1, {a.index}); }
inline void where(AREG a, AREG b) { word(scamp5_shim::WHERE_ANALOG_2, {a.index, b.index}); }
inline void where(AREG a, AREG b, AREG c) { word(scamp5_shim::WHERE_ANALOG_3, {a.index, b.index, c.index}); }
inline void WHERE(DREG a) { word(scamp5_shim::WHERE_1, {a.index}); }
inline void WHERE(DREG a, DREG b) { word(scamp5_shim::WHERE_2, {a.index, b.index}); }
inline void WHERE(DREG a, DREG b, DREG c) { word(scamp5_shim::WHERE_3, {a.index, b.index, c.index}); }
inline void SET(DREG a) { word(scamp5_shim::SET_1, {a.index}); }
inline void SET(DREG a, DREG b) { word(scamp5_shim::SET_2, {a.index, b.index}); }
inline void SET(DREG a, DREG b, DREG c) { word(scamp5_shim::SET_3, {a.index, b.index, c.index}); }
inline void SET(DREG a, DREG b, DREG c, DREG d) { word(scamp5_shim::SET_4, {a.index, b.index, c.index, d.index}); }
inline void CLR(DREG a) { word(scamp5_shim::CLR_1, {a.index}); }
inline void CLR(DREG a, DREG b) { word(scamp5_shim::CLR_2, {a.index, b.index}); }
inline void CLR(DREG a, DREG b, DREG c) { word(scamp5_shim::CLR_3, {a.index, b.index, c.index}); }
inline void CLR(DREG a, DREG b, DREG c, DREG d) { word(scamp5_shim::CLR_4, {a.index, b.index, c.index, d.index}); }
inline void MOV(DREG d, DREG s) { word(scamp5_shim::MOV_1, {d.index, s.index}); }
inline void NOT(DREG d, DREG s) { word(scamp5_shim::NOT_1, {d.index, s.index}); }
inline void OR(DREG d, DREG a, DREG b) { word(scamp5_shim::OR_2, {d.index, a.index, b.index}); }
inline void OR(DREG d, DREG a, DREG b, DREG c) { word(scamp5_shim::OR_3, {d.index, a.index, b.index, c.index}); }
inline void OR(DREG d, DREG a, DREG b, DREG c, DREG e) {
    word(scamp5_shim::OR_4, {d.index, a.index, b.index, c.index, e.index});
}
inline void NOR(DREG d, DREG a, DREG b) { word(scamp5_shim::NOR_2, {d.index, a.index, b.index}); }
inline void NOR(DREG d, DREG a, DREG b, DREG c) { word(scamp5_shim::NOR_3, {d.index, a.index, b.index, c.index}); }
inline void NOR(DREG d, DREG a, DREG b, DREG c, DREG e) {
    word(scamp5_shim::NOR_4, {d.index, a.index, b.index, c.index, e.index});
}
inline void DNEWS0(DREG d, DREG s) { word(scamp5_shim::DNEWS_0, {d.index, s.index}); }
inline void DNEWS1(DREG d, DREG s) { word(scamp5_shim::DNEWS_1, {d.index, s.index}); }

// ---- analog macros ----
inline void res(AREG a) { macro().bus(NEWS).bus(a, NEWS); }
inline void res(AREG a, AREG b) { macro().bus(NEWS).bus(a, NEWS).bus(b, NEWS); }
inline void mov(AREG y, AREG x) { macro().bus(NEWS, x).bus(y, NEWS); }
inline void add(AREG y, AREG a, AREG b) { macro().bus(NEWS, a, b).bus(y, NEWS); }
inline void add(AREG y, AREG a, AREG b, AREG c) { macro().bus(NEWS, a, b, c).bus(y, NEWS); }
inline void sub(AREG y, AREG a, AREG b) { macro().bus(NEWS, a).bus(y, NEWS, b); }
inline void neg(AREG y, AREG x) { macro().bus(NEWS).bus(y, NEWS, x); }
inline void abs(AREG y, AREG x) { macro().bus(NEWS).bus(y, NEWS, x).bus(NEWS, x).where(x).bus(y, NEWS).all(); }
inline void divq(AREG y, AREG x) { macro().bus2(y, NEWS, x).bus(y, NEWS); }
inline void div(AREG a, AREG b, AREG c) {
    macro().bus2(a, b, c).bus(NEWS, c, b).bus(c, NEWS, a).bus2(a, b, c).bus(a, b);
}
inline void div(AREG a, AREG b, AREG c, AREG x) {
    macro().bus2(a, b, x).bus(NEWS, x, b).bus(c, NEWS, a).bus2(a, b, c).bus(a, b);
}
inline void diva(AREG a, AREG b, AREG c) {
    macro().bus2(b, c, a).bus(NEWS, b, a).bus(a, NEWS, c).bus2(b, c, a).bus(a, b);
}
inline void movx(AREG y, AREG x, news_t at) { macro().bus(scamp5_shim::opposite(at), x).bus(y, NEWS); }
inline void mov(AREG y, AREG x, news_t at) { movx(y, x, at); }
inline void mov2x(AREG y, AREG x, news_t first, news_t then) {
    macro().bus(scamp5_shim::opposite(first), x).bus(y, scamp5_shim::port(then));
}
inline void addx(AREG y, AREG a, AREG b, news_t at) { macro().bus(scamp5_shim::opposite(at), a, b).bus(y, NEWS); }
inline void add2x(AREG y, AREG a, AREG b, news_t first, news_t then) {
    macro().bus(scamp5_shim::opposite(first), a, b).bus(y, scamp5_shim::port(then));
}
inline void subx(AREG y, AREG a, news_t at, AREG b) { macro().bus(scamp5_shim::opposite(at), a).bus(y, NEWS, b); }
inline void sub(AREG y, AREG a, news_t at, AREG b) { subx(y, a, at, b); }
inline void sub2x(AREG y, AREG a, news_t first, news_t then, AREG b) {
    macro().bus(scamp5_shim::opposite(first), a).bus(y, scamp5_shim::port(then), b);
}
inline void get_image(AREG y) {
    macro().bus(NEWS, PIX).add(scamp5_shim::RPIX, {}).add(scamp5_shim::RPIX, {}).add(scamp5_shim::NOP, {}).bus(y, NEWS, PIX);
}
inline void get_image(AREG y, AREG h) {
    macro().bus(NEWS, PIX).bus(h, PIX).add(scamp5_shim::RPIX, {}).add(scamp5_shim::RPIX, {}).add(scamp5_shim::NOP, {})
        .bus(y, h, NEWS, PIX);
}
inline void respix() { macro().add(scamp5_shim::RPIX, {}).add(scamp5_shim::RPIX, {}).add(scamp5_shim::NOP, {}); }
inline void respix(AREG y) {
    macro().add(scamp5_shim::RPIX, {}).add(scamp5_shim::RPIX, {}).add(scamp5_shim::NOP, {}).bus(NEWS, PIX).bus(y, NEWS);
}
inline void getpix(AREG y, AREG r) { macro().bus(NEWS, PIX).bus(y, NEWS, r); }
inline void getpix(AREG y, AREG h, AREG r) { macro().bus(h, PIX).bus(NEWS, PIX).bus(y, h, NEWS, r); }

inline void blurred(scamp5_shim::opcode code, AREG y, AREG x, int iterations) {
    macro m;
    m.add(scamp5_shim::BLURSET, {});
    for (int i = 0; i < iterations; i++)
        m.add(code, {NEWS.index, i ? y.index : x.index}).add(code, {y.index, NEWS.index});
}
inline void gauss(AREG y, AREG x, int iterations = 3) { blurred(scamp5_shim::BLUR, y, x, iterations); }
inline void gaussh(AREG y, AREG x, int iterations = 3) { blurred(scamp5_shim::BLURH, y, x, iterations); }
inline void gaussv(AREG y, AREG x, int iterations = 3) { blurred(scamp5_shim::BLURV, y, x, iterations); }
inline void newsblur(AREG y, AREG x, int iterations = 1) {
    macro m;
    for (int i = 0; i < iterations; i++) m.bus(NEWS, i ? y : x).bus(y, XE, XW, XN, XS);
}
inline void newsblurh(AREG y, AREG x, int iterations = 1) {
    macro m;
    for (int i = 0; i < iterations; i++) m.bus(NEWS, i ? y : x).bus(y, XE, XW);
}
inline void newsblurv(AREG y, AREG x, int iterations = 1) {
    macro m;
    for (int i = 0; i < iterations; i++) m.bus(NEWS, i ? y : x).bus(y, XN, XS);
}

// ---- digital macros ----
inline void NOT(DREG l) { macro().not_(scamp5_shim::buffer, l).mov(l, scamp5_shim::buffer); }
inline void OR(DREG l, DREG x) { macro().or_(scamp5_shim::buffer, l, x).mov(l, scamp5_shim::buffer); }
inline void NOR(DREG l, DREG x) { macro().nor(scamp5_shim::buffer, l, x).mov(l, scamp5_shim::buffer); }
inline void REFRESH(DREG l) { macro().mov(scamp5_shim::buffer, l).mov(l, scamp5_shim::buffer); }
inline void AND(DREG a, DREG x, DREG y) { macro().set(R0).not_(R12, x).not_(R0, y).nor(a, R0, R12); }
inline void NAND(DREG a, DREG x, DREG y) { macro().set(R0).not_(R12, x).not_(R0, y).or_(a, R0, R12); }
inline void ANDX(DREG a, DREG b, DREG x) { macro().not_(R0, b).not_(b, x).nor(a, R0, b); }
inline void NANDX(DREG a, DREG b, DREG x) { macro().not_(R0, b).not_(b, x).or_(a, R0, b); }
inline void IMP(DREG l, DREG x, DREG y) { macro().not_(R0, y).or_(l, x, R0); }
inline void NIMP(DREG l, DREG x, DREG y) { macro().not_(R0, y).nor(l, x, R0); }
inline void XORX(DREG l, DREG x, DREG y) {
    macro().not_(R0, y).nor(l, x, R0).not_(R0, x).nor(x, y, R0).or_(scamp5_shim::buffer, l, x).mov(l, scamp5_shim::buffer);
}
inline void MUX(DREG l, DREG x, DREG y, DREG z) { macro().set(R0).mov(R12, z).mov(R0, x).mov(R12, y).mov(l, R12); }
inline void CLR_IF(DREG l, DREG x) { macro().not_(R0, l).nor(l, R0, x); }
inline void PROP0() { macro().add(scamp5_shim::PROP_R_, {}).add(scamp5_shim::PROP_0_, {}); }
inline void PROP1() { macro().add(scamp5_shim::PROP_R_, {}).add(scamp5_shim::PROP_1_, {}); }
inline void DNEWS(DREG a, DREG x, int directions, int boundary = 0) {
    macro m;
    m.add(scamp5_shim::CLR_4, {R1.index, R2.index, R3.index, R4.index});
    const std::pair<news_t, DREG> enables[] = {{south, R1}, {west, R2}, {north, R3}, {east, R4}};
    for (auto& [at, enable] : enables)
        if (directions & at) m.set(enable);
    m.add(boundary ? scamp5_shim::DNEWS_1 : scamp5_shim::DNEWS_0, {a.index, x.index});
}

}  // namespace SCAMP5_PE
