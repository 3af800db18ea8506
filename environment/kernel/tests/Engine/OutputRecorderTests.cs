using System.Text.Json.Nodes;
using Cellar.Engine;
using Cellar.Notebooks;

namespace Cellar.Tests.Engine;

public sealed class OutputRecorderTests
{
    [Fact]
    public void Outputs_are_recorded_as_nbformat_has_them()
    {
        NotebookCell cell = Cell();
        var recorder = new OutputRecorder();
        recorder.Record(cell, new StreamOutput("stdout", "one\ntw"));
        recorder.Record(cell, new StreamOutput("stdout", "o\n"));
        recorder.Record(cell, new StreamOutput("stderr", "bad"));
        recorder.Record(cell, new DisplayOutput(new JsonObject { ["text/plain"] = "a\nb", ["application/x+json"] = new JsonObject { ["y"] = 1 }, ["image/png"] = "AAAA" }, "id1"));
        recorder.Record(cell, new ResultOutput(new JsonObject { ["text/plain"] = "42" }, 3));
        recorder.Record(cell, new DisplayUpdate(new JsonObject { ["text/plain"] = "later" }, "id1"));
        recorder.Record(cell, new ErrorOutput(CellError.Plain("Name", "message")));
        const string expected = """
            [{"name":"stdout","output_type":"stream","text":["one\n","two\n"]},{"name":"stderr","output_type":"stream","text":["bad"]},{"data":{"text/plain":["later"]},"metadata":{},"output_type":"display_data"},{"data":{"text/plain":["42"]},"execution_count":3,"metadata":{},"output_type":"execute_result"},{"ename":"Name","evalue":"message","output_type":"error","traceback":["Name: message"]}]
            """;
        Assert.Equal(expected, cell.Outputs.ToJsonString());
    }

    [Fact]
    public void Json_and_pictures_are_not_cut_into_lines()
    {
        NotebookCell cell = Cell();
        new OutputRecorder().Record(cell, new DisplayOutput(
            new JsonObject { ["application/vnd.plotly.v1+json"] = new JsonObject { ["data"] = new JsonArray() }, ["image/png"] = "AAAA", ["text/html"] = "<b>\n</b>" }, "id1"));
        JsonNode data = cell.Outputs[0]!["data"]!;
        Assert.IsType<JsonObject>(data["application/vnd.plotly.v1+json"]);
        Assert.Equal("AAAA", data["image/png"]!.GetValue<string>());
        Assert.Equal(2, data["text/html"]!.AsArray().Count);
    }

    private static NotebookCell Cell() =>
        NotebookDocument.Parse("""{"cells":[{"cell_type":"code","id":"a","source":"","metadata":{},"outputs":[],"execution_count":null}],"nbformat":4,"nbformat_minor":5,"metadata":{}}""", "x.ipynb").Cells[0];
}
