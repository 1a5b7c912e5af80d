// What the kernel knows of this process, as Prometheus' clients name it.
#pragma once

namespace kmsd {

struct ProcessFacts {
  double residentBytes = 0;
  double openFiles = 0;
  double openFilesMost = 0;
  double startTime = 0;   // seconds since 1970
  double cpuSeconds = 0;  // in user and in system mode
};

// Zero where something cannot be read.
ProcessFacts processFacts();

}  // namespace kmsd
