using System.Text.Json.Nodes;
using Cellar.Notebooks;

namespace Cellar.Tests.Notebooks;

public sealed class NotebookDocumentTests
{
    private const string Foreign = """
        {
         "cells": [
          {
           "cell_type": "markdown",
           "id": "a1",
           "metadata": {
            "editable": true
           },
           "source": [
            "# Title <é> 😀\n",
            "second line"
           ]
          },
          {
           "cell_type": "code",
           "execution_count": 7,
           "id": "b2",
           "metadata": {
            "strange": {
             "deep": [
              1.50,
              null
             ]
            },
            "tags": [
             "check"
            ]
           },
           "outputs": [],
           "source": "var x = 1;\nx"
          }
         ],
         "metadata": {
          "kernelspec": {
           "display_name": ".NET (C#)",
           "language": "C#",
           "name": ".net-csharp"
          },
          "unknown": "stays"
         },
         "nbformat": 4,
         "nbformat_minor": 5
        }

        """;

    [Fact]
    public void What_is_read_is_written_back_byte_for_byte() => Assert.Equal(Foreign, NotebookDocument.Parse(Foreign, "x.ipynb").ToString());

    [Fact]
    public void Names_are_written_in_the_order_in_which_Jupyter_and_VS_Code_save() => Assert.Equal(
        """{"cells":[],"metadata":{"Z":[{"a":1.0,"b":null}],"a":{"x":1,"y":2}},"nbformat":4,"nbformat_minor":5}""",
        Flat(NotebookDocument.Parse("""{"nbformat_minor":5,"nbformat":4,"metadata":{"a":{"y":2,"x":1},"Z":[{"b":null,"a":1.0}]},"cells":[]}""", "x.ipynb").ToString()));

    private static string Flat(string json) => string.Concat(json.Where(c => !char.IsWhiteSpace(c)));

    [Fact]
    public void Source_is_text_whether_string_or_list()
    {
        NotebookDocument notebook = NotebookDocument.Parse(Foreign, "x.ipynb");
        Assert.Equal(["# Title <é> 😀\nsecond line", "var x = 1;\nx"], notebook.Cells.Select(c => c.Source));
        Assert.Equal("Title <é> 😀", notebook.Title);
        Assert.True(notebook.Cells[1].HasTag("check"));
        Assert.Equal(1, notebook.Cells[1].Number);
    }

    [Fact]
    public void An_older_notebook_gets_the_ids_of_format_4_5()
    {
        NotebookDocument notebook = NotebookDocument.Parse("""{"cells":[{"cell_type":"markdown","source":"x","metadata":{}}],"nbformat":4,"nbformat_minor":2,"metadata":{}}""", "x");
        JsonNode root = JsonNode.Parse(notebook.ToString())!;
        Assert.Equal(5, root["nbformat_minor"]!.GetValue<int>());
        Assert.Equal("cell-1", root["cells"]![0]!["id"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"cells": [""", "line 1")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"cells":[],"metadata":{}}""", "\"nbformat\" is missing")]
    [InlineData("""{"cells":[],"metadata":{},"nbformat":3}""", "open the file in Jupyter and save it")]
    [InlineData("""{"metadata":{},"nbformat":4}""", "\"cells\" is missing")]
    [InlineData("""{"cells":[7],"metadata":{},"nbformat":4}""", "entry 1")]
    [InlineData("""{"cells":[{"cell_type":"code","source":"","metadata":{}},{"source":""}],"metadata":{},"nbformat":4}""", "cell 2 has no \"cell_type\"")]
    [InlineData("""{"cells":[{"cell_type":"code","source":3}],"metadata":{},"nbformat":4}""", "\"source\" of cell 1")]
    [InlineData("""{"cells":[{"cell_type":"code","source":"","metadata":1}],"metadata":{},"nbformat":4}""", "\"metadata\" of cell 1")]
    public void A_broken_file_is_named_with_what_is_wrong(string text, string problem)
    {
        var e = Assert.Throws<NotebookFormatException>(() => NotebookDocument.Parse(text, "folder/broken.ipynb"));
        Assert.StartsWith("folder/broken.ipynb: not a notebook", e.Message);
        Assert.Contains(problem, e.Message);
    }
}
