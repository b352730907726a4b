// The names of the vendor's API, over the port of a simulated array: pixeltree emulate --listen vendor-sim://...
//
// Header-only, C++17, for Linux and macOS. Written from the facts of the protocol; it has none of the vendor's code.
// Kernels are sent each time they are called: a value of your program is never frozen, as it is in a static kernel
// of a real device.
#pragma once

#include "scamp5_shim/link.hpp"
#include "scamp5_shim/registers.hpp"
#include "scamp5_shim/kernel.hpp"
#include "scamp5_shim/controller.hpp"
#include "scamp5_shim/host.hpp"
#include "scamp5_shim/output.hpp"
#include "scamp5_shim/files.hpp"
