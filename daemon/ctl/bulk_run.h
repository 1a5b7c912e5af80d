// BulkRun: takes a list of any length through a bulk route of the API, a batch at a time, and accounts for
// each item. See bulk_report.h for how it goes on after an interruption.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/bulk_output.h"
#include "daemon/ctl/bulk_report.h"
#include "daemon/ctl/interrupt.h"
#include "daemon/ctl/line_reader.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/seen_set.h"

namespace kmsd::ctl {

// Items that were asked for and never answered, with the time of the asking.
using Unanswered = std::map<std::string, std::string>;

// What one bulk verb does its own way.
struct BulkVerb {
  std::string list;     // the file of items, or "-"
  std::string path;     // of the API's route
  std::string member;   // of its body: the list of items
  std::string called;   // what an item is in an answer: "user", "accessor"
  std::string done;     // "issued"
  std::string heading;  // of its reports
  bool issues = false;  // the answers hold tokens, which an interruption can lose
  std::string count{};  // the member of an answer that tells how many were done for an item; empty: none
  // An item's name for reports and messages, never a secret. Errors: Invalid (no such item can be), which
  // does not quote the text.
  std::function<base::Result<std::string>(std::string_view text)> idOf;
  // Adds what the body has beside the items.
  std::function<void(Body& body)> fill;
  // Undoes what unanswered batches may have done. Null where doing it again is enough. Exit::Yes: go on.
  std::function<Exit(Remote& remote, BulkReport& report, const Unanswered& items, const Interrupt& stop)>
      settle;
};

class BulkRun {
 public:
  BulkRun(const Parsed& parsed, BulkVerb verb);
  // Exit::No where any item failed; what ended it early otherwise.
  Exit run();

 private:
  struct Item {
    std::uint64_t line = 0;
    std::string id;
    base::SecretText text;
  };

  base::Result<void> open();
  void pastRow(const ReportRow& row);
  Exit all();
  Exit feed(const Line& line);
  Exit send();
  Exit take(const Answer& answer);
  base::Result<void> announce();
  void succeeded(const Item& item, const Document& answer);
  void failed(const Item& item, std::string_view code, std::string_view detail);
  Exit saveAll();
  Exit waitForInput();
  Exit conclude(Exit exit);
  Exit broken(const base::Error& error);

  const Parsed& parsed_;
  const BulkVerb verb_;
  Interrupt interrupt_;
  std::optional<LineReader> reader_;
  std::optional<BulkReport> report_;
  std::optional<BulkOutput> output_;
  std::optional<Remote> remote_;
  std::optional<Progress> progress_;
  SeenSet seen_;
  Unanswered unanswered_;
  Earlier earlier_ = Earlier::None;

  std::vector<Item> batch_;
  std::size_t batchBytes_ = 0;
  bool unsure_ = false;  // what was issued for the batch may be lost
  bool refused_ =
      false;  // the server refused a batch, which nothing came of; doing the same again is no help
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t unsaved_ = 0;  // failures since the last save
};

}  // namespace kmsd::ctl
